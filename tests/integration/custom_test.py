"""The user's own checkers get the history and say a verdict; whatever else they do is never a pass."""
import json
import sys
import unittest

from lastcall_cli import LastcallTest, lastcall, scenario, serve

COUNT = """
import json, sys
events = [json.loads(line) for line in sys.stdin]
answered = sum(e["kind"] == "request_ended" and e["end"] == "ok" for e in events)
print(json.dumps({"outcome": "pass" if answered else "fail", "judged": answered, "reason": f"{answered} answers"}))
"""


class Custom(LastcallTest):
    def custom(self, code, *options, properties="", trials=1, keep="all"):
        (self.folder / "check.py").write_text(code)
        table = f'[properties.custom.answers]\ncommand = {json.dumps([sys.executable, "check.py", *options])}\n'
        text = scenario(serve(), properties=properties + table + 'timeout = "2s"\n')
        return self.run_scenario(text, trials=trials, keep=keep)

    def assert_verdict(self, run, outcome, reason):
        verdict = run.verdict("custom.answers")
        self.assertEqual(outcome, verdict["outcome"], f"{verdict}\n{run}")
        self.assertIn(reason, verdict["reason"])

    def test_a_checker_gets_the_history_and_its_verdict_is_in_every_report(self):
        run = self.custom(COUNT, properties='require = ["custom.answers"]\n')
        self.assert_exit(0, run)
        answered = sum(e["end"] == "ok" for e in run.events("request_ended"))
        self.assert_verdict(run, "pass", f"{answered} answers")
        self.assertEqual(answered, run.verdict("custom.answers")["judged"])
        last = run.report["scenarios"][0]["properties"][-1]
        self.assertEqual(("custom.answers", "pass", True, 1), (last["name"], last["verdict"], last["required"],
                                                               last["pass"]))
        self.assertIn("custom.answers", run.out)
        for name in ("report.md", "junit.xml"):
            self.assertIn("custom.answers", (run.results / name).read_text())

    def test_a_fail_of_a_checker_is_a_fail_of_the_trial_which_is_kept(self):
        run = self.custom('print(\'{"outcome": "fail", "judged": 1, "reason": "not good"}\')', keep="failed")
        self.assert_exit(1, run)
        self.assert_verdict(run, "fail", "not good")
        self.assertTrue(run.history().exists())

    def test_a_trial_that_passes_is_not_kept_for_its_checkers(self):
        run = self.custom(COUNT, keep="failed")
        self.assert_exit(0, run)
        self.assertEqual([], list((run.results / "trials").iterdir()))

    def test_whatever_else_it_does_is_unknown(self):
        passes = 'print(\'{"outcome": "pass", "judged": 1}\')\n'
        for code, reason in (("import sys; sys.exit('gave up')", "exit 1: gave up"),
                             (passes + "raise SystemExit(2)", "exit 2"),
                             (passes + passes, "printed no verdict"),
                             ("print('fine')", "printed no verdict"),
                             ("", "printed no verdict"),
                             ('print(\'{"outcome": "good", "judged": 1}\')', "no outcome 'good'"),
                             ('print(\'{"outcome": "pass"}\')', "'judged' is missing"),
                             ('print(\'{"outcome": "pass", "judged": -1}\')', "printed no verdict"),
                             ('import sys; print("hm", file=sys.stderr); print(\'{"outcome": "pass", "judged": 0}\')',
                              "judged nothing; its last words: hm"),
                             ("import os; os.kill(os.getpid(), 9)", "SIGKILL"),
                             ("while True: pass", "not done within 2.00 s")):
            with self.subTest(code=code):
                run = self.custom(code)
                self.assert_exit(3, run)
                self.assert_verdict(run, "unknown", reason)

    def test_placeholders_are_filled_in_and_it_runs_in_the_folder_of_the_scenario(self):
        code = ('import json, os, sys\nfolder, target = sys.argv[1:]\n'
                'good = os.path.samefile(os.getcwd(), folder) and os.path.isdir(target)\n'
                'print(json.dumps({"outcome": "pass" if good else "fail", "judged": 1}))\n')
        self.assert_verdict(self.custom(code, "{here}", "{dir}"), "pass", "")

    def test_a_required_checker_must_exist(self):
        path = self.write(scenario(serve(), properties='require = ["custom.answer"]\n[properties.custom.answers]\n'
                                                       'command = ["true"]'))
        run = lastcall("validate", path)
        self.assert_exit(2, run)
        self.assertIn("there is no [properties.custom.answer]; did you mean 'custom.answers'?", run.err)


if __name__ == "__main__":
    unittest.main()
