"""lastcall gate and lastcall compare, on results of real campaigns."""
import json
import unittest

from lastcall_cli import LastcallTest, lastcall, scenario, serve

QUICK = '[[faults]]\nwhat = "stop"\nwhen = { phase = "load", at = "20ms" }\n'
# What a busy machine cannot spoil.
ONLY = "".join(f'{name} = {{ judge = false, why = "not this test\'s" }}\n' for name in
               ("prompt-exit", "released", "overhead", "in-flight-finished", "stops-accepting"))


class Campaigns(LastcallTest):
    """Two campaigns: of a server that stops as it should, and of one that ends with code 5."""

    @classmethod
    def setUpClass(cls):
        cls.test = cls("campaigns")
        cls.test.setUp()
        cls.right, cls.wrong = (
            cls.test.run_scenario(scenario(serve(*options), faults=QUICK), "--seed", 7, "--jobs", 2, trials=8)
            for options in ((), ("--code", 5)))

    @classmethod
    def tearDownClass(cls):
        cls.test.doCleanups()

    def campaigns(self):
        pass


class Gate(Campaigns):
    def gate(self, policy, *options, results=None):
        return lastcall("gate", (results or self.right).results, "--policy", self.write(policy, "gate.toml"), *options)

    def findings(self, run):
        return {(one["property"], one["rule"]): one for one in json.loads(run.out)["findings"]}

    def test_enough_clean_trials_pass(self):
        run = self.gate('[gate]\nfails_at_most = "40 %"\nunknown_at_most = "100 %"\n[[rules]]\nproperty = "clean-exit"\n'
                        'least_trials = 8\n', "--all")
        self.assert_exit(0, run)
        self.assertRegex(run.out, r"passed  clean-exit: fails 0 of 8 trials: at most 31\.24 % at 95 %, allowed is 40 %\n")
        self.assertRegex(run.out, r"gate: passed, \d+ checks passed\n$")

    def test_too_few_are_not_settled_and_it_says_how_many_more(self):
        run = self.gate('[gate]\nunknown_at_most = "100 %"\n', "--json")
        self.assert_exit(3, run)
        self.assertEqual(291, self.findings(run)["clean-exit", "fails_at_most"]["more_clean_trials"])
        self.assertIn("291 more clean trials would settle it", self.gate("").out)

    def test_what_fails_too_often_fails(self):
        run = self.gate("", "--json", results=self.wrong)
        self.assert_exit(1, run)
        finding = self.findings(run)["clean-exit", "fails_at_most"]
        self.assertEqual("failed", finding["standing"])
        self.assertEqual("fails 8 of 8 trials: at least 68.76 % at 95 %, 67.76 % more than the 1 % that are allowed",
                         finding["text"])

    def test_a_known_failure_is_shown_and_passes_until_its_day(self):
        policy = ('[gate]\nfails_at_most = "50 %"\nunknown_at_most = "100 %"\n[[known]]\nproperty = "clean-exit"\n'
                  'reason = "exit 5"\nuntil = "2030-01-31"\nlink = "https://bugs/5"\n')
        run = self.gate(policy, "--today", "2030-01-31", results=self.wrong)
        self.assertIn("clean-exit in 8 trials, passes until 2030-01-31, https://bugs/5: exit", run.out)
        self.assertNotIn("failed  clean-exit", run.out)
        run = self.gate(policy, "--today", "2030-02-01", results=self.wrong)
        self.assert_exit(1, run)
        self.assertIn("passed until 2030-01-31 only", run.out)

    def test_a_regression_against_the_baseline_fails(self):
        policy = '[gate]\nfails_at_most = "99.9 %"\nconfidence = "50 %"\nunknown_at_most = "100 %"\n[regression]\n'
        run = self.gate(policy, "--baseline", self.right.results, results=self.wrong)
        self.assert_exit(1, run)
        self.assertRegex(run.out, r"clean-exit: fails 8 of 8 trials, in the baseline 0 of 8: worse \(p = ")

    def test_scenarios_must_be_there(self):
        run = self.gate('scenarios = ["other.toml"]\n')
        self.assert_exit(3, run)
        self.assertIn("other.toml is not in the results", run.out)

    def test_a_wrong_policy_says_where(self):
        run = self.gate('[gate]\nfails_at_mots = "1 %"\n')
        self.assert_exit(2, run)
        self.assertIn("gate.toml:2:1: unknown key 'fails_at_mots' in [gate]; did you mean 'fails_at_most'?", run.err)

    def test_what_are_no_results_is_refused(self):
        policy = self.write("", "gate.toml")
        for path in (self.folder, self.folder / "none", self.folder / "servers"):
            run = lastcall("gate", path, "--policy", policy)
            self.assert_exit(2, run)
            self.assertIn("there is no store", run.err)


class Compare(Campaigns):
    def compare(self, base, head, *options):
        return lastcall("compare", base.results, head.results, *options)

    def test_a_campaign_does_not_differ_from_itself(self):
        run = self.compare(self.right, self.right)
        self.assert_exit(0, run)
        self.assertIn("0 worse, 0 better, 0 new, 0 gone", run.out)

    def test_a_property_that_fails_now_is_worse(self):
        run = self.compare(self.right, self.wrong)
        self.assert_exit(1, run)
        self.assertRegex(run.out, r"  clean-exit: worse, base 0 of 8 \(0 % to 36\.95 %\), head 8 of 8 \(63\.05 % to 100 %\)")
        self.assertIn("the scenario itself was changed", run.out)
        self.assert_exit(0, self.compare(self.wrong, self.right))

    def test_json_and_markdown_say_the_same(self):
        found = json.loads(self.compare(self.right, self.wrong, "--json").out)
        one = next(p for p in found["scenarios"][0]["properties"] if p["property"] == "clean-exit")
        self.assertEqual((0, 8, "worse"), (one["base"]["failures"], one["head"]["failures"], one["change"]))
        times = found["scenarios"][0]["time_to_exit"]
        # Every fourth trial is untraced.
        self.assertEqual((6, True), (times["base"]["trials"], times["traced"]))
        self.assertRegex(self.compare(self.right, self.wrong, "--markdown").out,
                         r"\| clean-exit \| worse \| 0 of 8 \(0 % to 36\.95 %\) \| 8 of 8 ")


if __name__ == "__main__":
    unittest.main()
