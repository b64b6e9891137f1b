"""lastcall run --until-gate, and the project's own gate."""
import json
import unittest

from lastcall_cli import SOURCE, LastcallTest, lastcall, scenario, serve

QUICK = '[[faults]]\nwhat = "stop"\nwhen = { phase = "load", at = "20ms" }\n'
LENIENT = '[gate]\nfails_at_most = "40 %"\nunknown_at_most = "100 %"\n'


class UntilGate(LastcallTest):
    def run_until(self, policy, *options, server=()):
        run = self.run_scenario(scenario(serve(*server), faults=QUICK), "--jobs", 2, "--until-gate",
                                self.write(policy, "gate.toml"), *options, trials=None, keep="failed")
        return run, json.loads((run.results / "gate.json").read_text())

    def test_a_right_server_passes_after_as_few_trials_as_it_takes(self):
        # A property that a busy machine lets one trial of many judge is asked for, too, and takes hundreds then.
        for _ in range(5):
            run, gate = self.run_until(LENIENT + '[[rules]]\nproperty = "clean-exit"\nleast_trials = 9\n', "--trials", 60)
            if len(run.trials) < 40:
                break
        self.assert_exit(0, run)
        self.assertEqual("passed", gate["standing"])
        self.assertGreaterEqual(len(run.trials), 9)
        self.assertLess(len(run.trials), 40)
        self.assertRegex(run.out, r"\ngate: passed, \d+ checks passed\n$")
        # The same judgement later on, by bounds that hold although it stopped early.
        later = lastcall("gate", run.results, "--policy", self.folder / "gate.toml", "--json")
        self.assertEqual(gate, json.loads(later.out))

    def test_a_wrong_one_fails_after_a_few(self):
        run, gate = self.run_until(LENIENT, server=("--code", 5))
        self.assert_exit(1, run)
        self.assertLess(len(run.trials), 12)
        self.assertEqual({"clean-exit"}, {one["property"] for one in gate["findings"] if one["standing"] == "failed"})

    def test_it_ends_at_the_most_trials(self):
        run, gate = self.run_until('[gate]\nfails_at_most = "0.1 %"\nunknown_at_most = "100 %"\n', "--trials", 3)
        self.assert_exit(3, run)
        self.assertEqual(3, len(run.trials))
        self.assertGreater(gate["more_clean_trials"], 1000)

    def test_a_policy_that_cannot_be_met_is_refused_before_anything_runs(self):
        for policy, why in (('scenarios = ["other.toml"]\n', "it wants other.toml"), ("[regression]\n", "fixed number of trials")):
            run = lastcall("run", self.write(scenario(serve())), "--until-gate", self.write(policy, "gate.toml"), "--results",
                           self.folder / "r")
            self.assert_exit(2, run)
            self.assertIn(why, run.err)
            self.assertFalse((self.folder / "r").exists())


class Project(LastcallTest):
    def test_the_reference_server_passes_the_gate_of_the_project(self):
        policy = SOURCE / "ci" / "gate.toml"
        results = self.folder / "r"
        run = lastcall("run", SOURCE / "scenarios/reference/stop.toml", "--until-gate", policy, "--trials", 60, "--jobs", 2,
                       "--results", results)
        self.assert_exit(0, run)
        self.assertIn("gate: passed", run.out)
        self.assert_exit(0, lastcall("gate", results, "--policy", policy))


if __name__ == "__main__":
    unittest.main()
