"""The options of `lastcall run`, and the other commands."""
import json
import os
import unittest

from lastcall_cli import HTTP_CLIENT, SOURCE, LastcallTest, lastcall, scenario, serve

LONG_TRIAL = '[[faults]]\nwhat = "stop"\nwhen = { phase = "load", at = "700ms" }'


class Options(LastcallTest):
    def at_once(self, jobs):
        """How many trials ran at the same time, on average over the campaign."""
        run = self.run_scenario(scenario(serve(), faults=LONG_TRIAL), "--jobs", jobs, trials=4)
        self.assert_exit(0, run)
        return sum(trial["result"]["duration_ns"] for trial in run.trials) / run.report["duration_ns"]

    def test_two_jobs_run_two_trials_at_once(self):
        self.assertLessEqual(self.at_once(1), 1)
        self.assertGreater(self.at_once(2), 1.2)

    def test_for_starts_no_trial_after_its_time(self):
        run = self.run_scenario(scenario(serve()), "--for", "1500ms", "--jobs", 1, trials=None)
        self.assert_exit(0, run)
        self.assertGreater(len(run.trials), 1)
        self.assertGreaterEqual(run.seconds, 1.5)
        self.assertLess(sum(trial["result"]["duration_ns"] for trial in run.trials[:-1]), 1.5e9)

    def test_without_trials_the_budget_of_the_scenario_counts(self):
        run = self.run_scenario(scenario(serve(), budget="trials = 3"), trials=None)
        self.assertEqual(3, len(run.trials))

    def test_keep_says_which_directories_stay(self):
        for keep, code, kept in (("all", 0, 2), ("failed", 0, 0), ("failed", 5, 2), ("none", 5, 0)):
            with self.subTest(keep=keep, code=code):
                run = self.run_scenario(scenario(serve("--code", code)), trials=2, keep=keep)
                directories = [t["directory"] for t in run.trials]
                self.assertEqual(kept, sum(d != "" for d in directories))
                self.assertEqual(kept, len(list((run.results / "trials").iterdir())))
                for directory in filter(None, directories):
                    files = set(os.listdir(run.results / directory))
                    self.assertLessEqual({"plan.json", "history.jsonl", "verdict.json"}, files)

    def test_stop_on_failure_starts_no_trial_after_the_first(self):
        run = self.run_scenario(scenario(serve("--code", 5)), "--stop-on-failure", trials=20)
        self.assert_exit(1, run)
        self.assertEqual(1, len(run.trials))

    def test_several_scenarios_take_turns(self):
        files = [self.write(scenario(serve()), name) for name in ("one.toml", "two.toml")]
        run = lastcall("run", *files, "--trials", 2, "--results", self.folder / "r")
        self.assertEqual(["one.toml", "two.toml"] * 2, [os.path.basename(t["scenario"]) for t in run.trials])

    def test_a_results_directory_used_again_does_not_mix_the_trials(self):
        untidy = self.write(scenario(["sh", "-c", f"echo > left.pid; exec {' '.join(serve())}"]))
        results = self.folder / "r"
        self.assertEqual(1, lastcall("run", untidy, "--trials", 1, "--keep", "all", "--results", results).code)
        run = lastcall("run", self.write(scenario(serve())), "--trials", 1, "--keep", "all", "--results", results)
        self.assert_exit(0, run)
        self.assertEqual(1, len(run.trials))

    def test_json_prints_the_report(self):
        run = self.run_scenario(scenario(serve()), "--json")
        printed = json.loads(run.out)
        self.assertEqual("lastcall-report", printed["format"])
        self.assertEqual(run.report, printed)

    def test_output_that_goes_nowhere_is_no_reason_to_die(self):
        path = self.write(scenario(serve()))
        reader, writer = os.pipe()
        os.close(reader)
        child = self.start("run", path, "--trials", 1, "--results", self.folder / "r")
        os.close(writer)
        self.assertEqual(0, child.wait(20))


class OtherCommands(LastcallTest):
    def test_list_names_what_there_is(self):
        for what, name in (("properties", "in-flight-finished"), ("faults", "double-signal"), ("behaviours", "wss://"),
                           ("scenarios", "graceful.toml")):
            with self.subTest(what=what):
                self.assertIn(name, lastcall("list", what, cwd=SOURCE).out)
                entries = json.loads(lastcall("list", what, "--json", cwd=SOURCE).out)
                self.assertTrue(any(name in entry["name"] for entry in entries))
                self.assertTrue(all(entry["about"] for entry in entries))
        self.assert_exit(2, lastcall("list", "planets"))
        nothing = lastcall("list")
        self.assert_exit(2, nothing)
        self.assertIn("say what: scenarios, properties, faults or behaviours", nothing.err)

    def test_every_scenario_of_the_tree_is_valid(self):
        files = sorted((SOURCE / "scenarios").glob("*/*.toml"))
        run = lastcall("validate", *files)
        self.assert_exit(0, run)
        self.assertEqual(len(files), run.out.count(": valid"))

    def test_validate_says_all_errors_with_their_places(self):
        path = self.write('about = "a test"\nclents = 1\n[target]\ncommand = []\nstop = { deadline = "2 parsecs" }\n'
                          '[[clients]]\nurl = "ftp://127.0.0.1/"\n[properties]\nrequire = ["servs"]\n')
        run = lastcall("validate", path)
        self.assert_exit(2, run)
        lines = run.err.splitlines()
        self.assertGreaterEqual(len(lines), 5, run.err)
        for place in (2, 4, 5, 7, 9):
            self.assertTrue(any(line.startswith(f"{path}:{place}:") for line in lines), (place, run.err))
        self.assertIn("'clients'", run.err)  # the nearest valid name
        self.assertIn("'serves'", run.err)

    def test_validate_prints_the_schema_that_lies_beside_the_scenarios(self):
        self.assertEqual((SOURCE / "scenarios" / "scenario.schema.json").read_text(), lastcall("validate", "--schema").out)

    def test_doctor_says_what_this_machine_allows(self):
        run = lastcall("doctor")
        self.assert_exit(0, run)
        self.assertIn("Trials can run here.", run.out)
        findings = {f["what"]: f["good"] for f in json.loads(lastcall("doctor", "--json").out)}
        self.assertIn("lastcall's own processes" if findings["changing user"] else "can kill and stop its processes", run.out)
        self.assertTrue(findings["ports"] and findings["pidfd"] and findings["child subreaper"])

    def test_version_and_help_exit_0(self):
        for words in (["--version"], ["--help"], ["run", "--help"]):
            run = lastcall(*words)
            self.assert_exit(0, run)
            self.assertNotEqual("", run.out)


if __name__ == "__main__":
    unittest.main()
