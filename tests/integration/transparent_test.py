"""What runs below `lastcall autopsy` behaves as without it: smoke tests of Node, and how such runs are compared. More
suites: tests/servers/transparent.py."""
import json
import unittest
import unittest.mock
from pathlib import Path

from lastcall_cli import LastcallTest, lastcall
from servers import transparent
from servers.transparent import Case, Missing, compared


class Smoke(LastcallTest):
    def test_cases_of_node_end_as_they_do_without(self):
        may = next(f for f in json.loads(lastcall("doctor", "--json").out) if f["what"] == "ptrace")
        if not may["good"]:
            self.skipTest(may["detail"])
        try:
            suite = transparent.node_suite("", Path(self.folder))
        except Missing as why:
            self.skipTest(str(why))
        found = transparent.measured(suite, pairs=1)
        self.assertGreater(found["passed"], 40, found)
        self.assertEqual({}, found["differing"])


class Compared(unittest.TestCase):
    PASSES, FAILS = {"a": Case("passed")}, {"a": Case("failed")}

    def test_a_case_that_differs_only_when_traced_is_found(self):
        self.assertEqual(([], ["a"]), compared([self.PASSES, self.PASSES], [self.PASSES, self.FAILS]))

    def test_a_case_that_fails_everywhere_does_not_differ(self):
        self.assertEqual(([], []), compared([self.FAILS] * 2, [self.FAILS] * 2))

    def test_a_case_that_is_missing_or_new_when_traced_differs(self):
        self.assertEqual(([], ["a"]), compared([self.PASSES], [{}]))
        self.assertEqual(([], ["a"]), compared([{}], [self.PASSES]))

    def test_a_case_that_flakes_untraced_is_not_judged(self):
        self.assertEqual((["a"], []), compared([self.PASSES, self.FAILS], [self.FAILS, self.FAILS]))

    def judged_alone(self, plain, traced):
        """What is said of a case that fails when traced, and that ends so by itself."""
        suite = transparent.Suite("", None, lambda name: [name], None, None)
        with unittest.mock.patch.object(transparent, "run", lambda _, is_traced, __: (traced if is_traced else plain, 0)):
            return transparent.alone(suite, "a", [self.PASSES], [self.FAILS])

    def test_a_case_that_fails_plain_by_itself_is_counted(self):
        found = self.judged_alone(self.FAILS, self.PASSES)
        self.assertEqual((transparent.ALONE, 0), (found["alone_plain"], found["alone_traced"]))

    def test_a_case_that_cannot_run_alone_is_no_flake(self):
        found = self.judged_alone({}, {})
        self.assertEqual((0, transparent.ALONE), (found["alone_plain"], found["alone_traced"]))

    def test_results_of_go_are_read_with_subtests(self):
        cases = transparent.go_cases("=== RUN   TestA\n=== RUN   TestA/b\n    a_test.go:1: words\nno newline--- FAIL: TestA (0.00s)\n"
                                     "    --- PASS: TestA/b (0.00s)\n=== RUN   TestC\n--- SKIP: TestC (1.20s)\nFAIL\n")
        self.assertEqual({"TestA": "failed", "TestA/b": "passed", "TestC": "skipped"},
                         {name: case.outcome for name, case in cases.items()})
        self.assertIn("a_test.go:1: words", cases["TestA"].text)

    def test_results_of_tap_are_read_with_what_follows(self):
        cases = transparent.tap_cases("ok 1 - one case\nnot ok 2 - another\n  error: 'words'\nok 3 - third # SKIP why\nok plain\n")
        self.assertEqual({"one case": "passed", "another": "failed", "third": "skipped", "plain": "passed"},
                         {name: case.outcome for name, case in cases.items()})
        self.assertIn("words", cases["another"].text)


if __name__ == "__main__":
    unittest.main()
