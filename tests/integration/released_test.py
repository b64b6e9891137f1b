"""What outlives a target is found, what ends in time is not."""
import unittest

from lastcall_cli import PYTHON, LastcallTest, scenario


def leaver(*options):
    return [PYTHON, "{here}/servers/leaver.py", "--port", "{port}", *options]


class Released(LastcallTest):
    def released(self, *options, trials=1, traced=False, properties=""):
        environment = f"trace = {str(traced).lower()}\n{self.marked_environment()}\n"
        run = self.run_scenario(scenario(leaver(*options), environment=environment, properties=properties),
                                trials=trials)
        verdicts = [run.verdict("released", trial) for trial in range(trials)]
        return [v["outcome"] for v in verdicts], [v["reason"] for v in verdicts], run

    def test_a_chain_of_processes_that_fork_and_exit_is_found_each_time(self):
        outcomes, reasons, run = self.released("--leaves", "chain", trials=20)
        self.assertEqual(["fail"] * 20, outcomes, run)
        for reason in reasons:
            self.assertRegex(reason, "process(es start one another| [0-9]+ .* is alive)")
        self.assert_nobody_is_left(1)

    def test_a_chain_is_found_below_the_tracer_too(self):
        outcomes, _, run = self.released("--leaves", "chain", trials=3, traced=True)
        self.assertNotIn("pass", outcomes, run)

    def test_helpers_that_end_in_time_are_nothing(self):
        outcomes, reasons, run = self.released("--leaves", "helpers", trials=20)
        self.assertEqual((["pass"] * 20, [""] * 20), (outcomes, reasons), run)

    def test_a_helper_whose_work_the_tracer_slows_is_no_failure(self):
        outcomes, _, run = self.released("--leaves", "worker", trials=5, traced=True)
        self.assertNotIn("fail", outcomes, run)

    def test_a_sleeper_is_left_traced_or_not(self):
        for traced in (False, True):
            outcomes, reasons, run = self.released("--leaves", "sleeper", traced=traced)
            self.assertEqual(["fail"], outcomes, run)
            self.assertIn("(sleep 97) is alive", reasons[0])

    def test_what_may_stay_is_counted(self):
        allow = '[properties.released]\nallow = [{ process = "sleep *", why = "by design" }]'
        outcomes, reasons, run = self.released("--leaves", "sleeper", properties=allow)
        self.assertEqual((["pass"], ["allowed: 1 process `sleep *` (by design)"]), (outcomes, reasons), run)

    def test_a_cache_in_the_temporary_folder_is_worth_a_word(self):
        outcomes, reasons, run = self.released("--leaves", "cache")
        self.assertEqual(["pass"], outcomes, run)
        self.assertRegex(reasons[0], r"^1 file stays in \{dir\}/tmp, first tmp/\w+\.bin$")


if __name__ == "__main__":
    unittest.main()
