"""`lastcall report` makes each report from a results directory later on: the same as `run` wrote, valid, and of a campaign
that was killed as far as it came."""
import json
import re
import shutil
import subprocess
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from lastcall_cli import SOURCE, LastcallTest, lastcall, scenario, serve, temporary_folder

HOSTILE = '[[clients]]\nname = "a</script><b>|"\nurl = "http://127.0.0.1:{port}/"\npace = "5ms"\ncount = 3\n'
STOP = '[[faults]]\nwhat = "stop"\nwhen = { event = "acknowledged", nth = 10 }\n'


class Report(LastcallTest):
    """Of one campaign with a hang, which has consequences, in each trial."""

    run_once = None

    def setUp(self):
        super().setUp()
        if Report.run_once is None:
            Report.run_once = self.campaign()
        self.results = Report.run_once.results

    def campaign(self):
        folder = Path(self.enterClassContext(temporary_folder()))
        shutil.copytree(self.folder / "servers", folder / "servers")
        file = folder / "scenario.toml"
        file.write_text(scenario(serve("--at-stop", "hang"), clients=HOSTILE, faults=STOP))
        run = lastcall("run", file, "--trials", 2, "--jobs", 2, "--results", folder / "results")
        self.assert_exit(1, run)
        return run

    def copy_results(self):
        """For a test that changes them."""
        self.results = shutil.copytree(self.results, self.folder / "results")

    def report(self, *options, code=0):
        run = lastcall("report", self.results, *options)
        self.assert_exit(code, run)
        return run.out

    def test_makes_what_run_wrote(self):
        for form, name in (("json", "report.json"), ("junit", "junit.xml"), ("markdown", "report.md")):
            with self.subTest(form):
                self.assertEqual((self.results / name).read_text(), self.report("--format", form))
        written = self.results / "report.html"
        copy = self.folder / "copy.html"
        self.report("--format", "html", "--output", copy)
        self.assertEqual(written.read_text(), copy.read_text())
        self.assertNotIn("a</script>", copy.read_text())

    def test_json_says_when_each_stop_came(self):
        for trial in self.run_once.report["scenarios"][0]["trials"]:
            self.assertEqual("load", trial["stop_moment"]["phase"])
            self.assertGreater(trial["stop_moment"]["after_ns"], 0)

    def test_junit_is_valid(self):
        file = self.folder / "junit.xml"
        self.report("--format", "junit", "--output", file)
        for schema in ("junit_jenkins.xsd", "junit_windy_road.xsd"):
            found = subprocess.run(["xmllint", "--noout", "--schema", SOURCE / "tests" / "reports" / schema, file],
                                   capture_output=True, text=True)
            self.assertEqual(0, found.returncode, found.stderr)
        suite = ElementTree.parse(file).getroot()[0]
        failed = {case.get("name"): case.find("failure") for case in suite.iter("testcase") if case.find("failure") is not None}
        self.assertIn("still running", failed["deadline"].get("message"))
        self.assertIn("lastcall replay", failed["deadline"].text)
        self.assertIn("also failed, as a consequence: ", failed["deadline"].text)
        cases = sum(float(case.get("time")) for case in suite.iter("testcase"))
        self.assertAlmostEqual(float(suite.get("time")), cases, delta=0.1)

    def test_trace_has_balanced_slices_and_all_lanes(self):
        events = json.loads(self.report("--format", "trace"))["traceEvents"]
        phases = [e["name"] for e in events if e["ph"] == "X"]
        self.assertEqual(["start", "load", "drain", "after"], phases)
        open_slices = {}
        for event in events:
            if event["ph"] in "be":
                key = (event["pid"], event["id"], event["name"])
                open_slices[key] = open_slices.get(key, 0) + (1 if event["ph"] == "b" else -1)
        self.assertGreaterEqual(len(open_slices), 3)
        self.assertEqual({0}, set(open_slices.values()))
        self.assertTrue(all(event["ts"] >= 0 for event in events if event["ph"] != "M"))

    def test_openmetrics_is_text_that_both_parsers_read(self):
        lines = self.report("--format", "openmetrics").splitlines()
        self.assertEqual("# EOF", lines[-1])
        sample = re.compile(r'[a-z_]+(\{[a-z]+="(?:[^"\\\n]|\\.)*"(,[a-z]+="(?:[^"\\\n]|\\.)*")*\})? -?[0-9.e+-]+')
        for line in lines[:-1]:
            self.assertTrue(re.fullmatch(r"# (HELP|TYPE) [a-z_]+ .+", line) or sample.fullmatch(line), line)
        deadline = next(line for line in lines if 'property="deadline",outcome="fail"' in line)
        self.assertTrue(deadline.endswith("} 2"), deadline)

    def test_github_has_one_error_a_finding(self):
        lines = self.report("--format", "github").splitlines()
        errors = [line for line in lines if line.startswith("::error ")]
        self.assertEqual(len(self.run_once.report["scenarios"][0]["findings"]), len(errors), lines)
        self.assertRegex(errors[0], r"^::error file=\S+scenario\.toml,line=1,title=deadline failed in 2 of 2 trials::still running")
        self.assertIn("%0Alastcall replay ", errors[0])

    def test_a_killed_campaign_is_told_as_far_as_it_came(self):
        whole = self.run_once.report["scenarios"][0]
        self.copy_results()
        (self.results / "report.json").unlink()
        with (self.results / "trials.jsonl").open("a") as lines:
            lines.write('{"scenario":"half a li')
        run = lastcall("report", self.results, "--format", "json")
        self.assertIn("still runs, or was killed", run.err)
        again = json.loads(run.out)["scenarios"][0]
        for one, other in zip(whole["properties"], again["properties"], strict=True):
            self.assertEqual({key: one[key] for key in ("name", "verdict", "pass", "fail", "first_reason")},
                             {key: other[key] for key in ("name", "verdict", "pass", "fail", "first_reason")})

    def test_a_store_makes_the_same_reports(self):
        store = self.results / "results.sqlite"
        for form, name in (("json", "report.json"), ("junit", "junit.xml"), ("markdown", "report.md")):
            with self.subTest(form):
                run = lastcall("report", store, "--format", form, cwd=self.results.parent)
                self.assert_exit(0, run)
                self.assertEqual((self.results / name).read_text(), run.out)
        page = self.folder / "page.html"
        self.assert_exit(0, lastcall("report", store, "--format", "html", "--output", page))
        self.assertEqual((self.results / "report.html").read_text(), page.read_text())
        run = lastcall("report", store, "--campaign", 2)
        self.assert_exit(2, run)
        self.assertIn("has no campaign 2, only campaign 1", run.err)

    def test_a_policy_decides(self):
        policy = self.write('[gate]\nfails_at_most = "99.9 %"\nunknown_at_most = "100 %"\n', "gate.toml")
        page = self.report("--policy", policy)
        self.assertIn("**Not decided:** by the gate of ", page)
        self.assertRegex(page, r"\n## Gate\n\n- \*\*not-settled\*\* ")
        self.write('[gate]\nfails_at_mots = "1 %"\n', "gate.toml")
        self.assertIn("gate.toml:2:1: unknown key", lastcall("report", self.results, "--policy", policy).err)
        self.report("--policy", policy, code=2)

    def test_the_trend_is_that_of_the_store_that_is_named(self):
        store = self.folder / "all.sqlite"
        text = self.write(scenario(serve("--code", 5), faults=STOP))
        for number in (1, 2):
            self.assert_exit(1, lastcall("run", text, "--trials", number, "--store", store, "--results", self.folder / f"r{number}"))
        second = (self.folder / "r2/report.html").read_text()
        self.assertRegex(second, r'"name":"clean-exit"[^}]*"trend":\[\[1,1\]\]')
        for options in ((store,), (self.folder / "r2", "--store", store)):
            page = self.folder / "page.html"
            self.assert_exit(0, lastcall("report", *options, "--format", "html", "--output", page))
            self.assertEqual(second, page.read_text())

    def test_what_is_no_results_is_said_with_a_remedy(self):
        empty = self.folder / "empty"
        empty.mkdir()
        run = lastcall("report", empty)
        self.assert_exit(2, run)
        self.assertIn("trials.jsonl", run.err)
        self.copy_results()
        (self.results / "report.json").write_text('{"format": "lastcall-report"')
        run = lastcall("report", self.results)
        self.assert_exit(2, run)
        self.assertIn("report.json", run.err)
        run = lastcall("report", self.results, "--format", "pdf")
        self.assert_exit(2, run)

    def test_a_trial_that_is_gone_is_left_out_of_the_page(self):
        self.copy_results()
        shutil.rmtree(self.results / "trials")
        self.report("--format", "html", "--output", self.folder / "page.html")
        self.assertNotIn('id="trial-', (self.folder / "page.html").read_text())
        self.report("--format", "trace", code=2)


if __name__ == "__main__":
    unittest.main()
