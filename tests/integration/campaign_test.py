"""The options of `lastcall run`, and the other commands."""
import json
import os
import re
import unittest

from lastcall_cli import HTTP_CLIENT, LASTCALL, PYTHON, SOURCE, LastcallTest, lastcall, scenario, serve

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

    def run_into(self, results):
        return lastcall("run", self.write(scenario(serve())), "--trials", 1, "--keep", "all", "--results", results)

    def test_the_results_of_another_campaign_are_not_touched(self):
        results = self.folder / "r"
        self.run_into(results)
        before = {path: path.stat().st_mtime_ns for path in results.rglob("*")}
        run = self.run_into(results)
        self.assert_exit(2, run)
        self.assertIn(f"{results} holds the results of another campaign: remove it, or name another", run.err)
        self.assertEqual(before, {path: path.stat().st_mtime_ns for path in results.rglob("*")})

    def test_what_is_left_of_results_is_not_mixed_with_others(self):
        for left in ("report.json", "trials.jsonl", "trials/scenario-0007/plan.json"):
            with self.subTest(left=left):
                results = self.folder / left.replace("/", "-")
                (results / left).parent.mkdir(parents=True, exist_ok=True)
                (results / left).write_text("")
                self.assert_exit(2, self.run_into(results))
                self.assertEqual("", (results / left).read_text())

    def test_a_results_directory_may_be_there_without_results(self):
        results = self.folder / "r"
        (results / "trials").mkdir(parents=True)
        (results / "why.txt").write_text("kept by hand")
        self.assert_exit(0, self.run_into(results))
        self.assertEqual("kept by hand", (results / "why.txt").read_text())

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

    def test_validate_says_which_patterns_are_not_supported_and_why(self):
        path = self.write(scenario(serve(), ready="log = '^(a+)\\1$'",
                                   properties="log-complete = { lines = ['stopped(?! badly)'] }"))
        done = lastcall("validate", path)
        self.assert_exit(2, done)
        why = "not supported, because a search takes linear time (RE2's syntax)"
        self.assertRegex(done.err + done.out, re.escape(f"invalid escape sequence: \\1; a backreference is {why}"))
        self.assertRegex(done.err + done.out, re.escape(f"(?!; lookahead and lookbehind are {why}"))
        self.assertEqual(2, len(re.findall(r"scenario.toml:[0-9]+:[0-9]+: bad regular expression", done.err + done.out)))

    def test_a_pattern_that_would_make_others_backtrack_takes_no_time(self):
        code = f"import signal; signal.signal(15, lambda *_: exit()); print('{'a' * 34}!\\nready', flush=True); signal.pause()"
        run = self.run_scenario(scenario([PYTHON, "-c", code], clients="",
                                         properties="log-complete = { lines = ['^([a-z]+ ?)*$'] }"))
        self.assertEqual("pass", run.verdict("log-complete")["outcome"], run)
        self.assertLess(run.seconds, 60)

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
