"""Ctrl-C of lastcall is a graceful stop of its own."""
import json
import signal
import unittest
import xml.etree.ElementTree

from lastcall_cli import LastcallTest, processes, scenario, serve, until


class Interrupt(LastcallTest):
    def campaign(self, *options):
        """Trials without an end, each half a second."""
        text = scenario(serve(*options), environment=self.marked_environment(),
                        faults='[[faults]]\nwhat = "stop"\nwhen = { phase = "load", at = "300ms" }')
        self.results = self.folder / "r"
        return self.start("run", self.write(text), "--trials", 1000, "--jobs", 2, "--keep", "all", "--results",
                          self.results)

    def finished(self):
        log = self.results / "trials.jsonl"
        return log.read_text().splitlines() if log.exists() else []

    def interrupted_by(self, number, code):
        run = self.campaign()
        self.assertTrue(until(lambda: len(self.finished()) >= 2, 20))
        run.send_signal(number)
        self.assertEqual(code, run.wait(10))
        report = json.loads((self.results / "report.json").read_text())
        self.assertTrue(report["interrupted"])
        self.assertEqual(code, report["exit_code"])
        lines = [json.loads(line) for line in self.finished()]
        self.assertEqual(len(lines), len(report["scenarios"][0]["trials"]))
        self.assertTrue(all(line["result"]["broken"] == "" for line in lines))
        self.assertTrue(all(v["outcome"] != "fail" for line in lines for v in line["result"]["verdicts"]))
        xml.etree.ElementTree.parse(self.results / "junit.xml")
        self.assertIn("interrupted", (self.results / "report.md").read_text().lower())
        self.assert_nobody_is_left(1)

    def test_sigint_lets_the_running_trials_finish_and_writes_every_report(self):
        self.interrupted_by(signal.SIGINT, 130)

    def test_sigterm_does_the_same_with_143(self):
        self.interrupted_by(signal.SIGTERM, 143)

    def test_a_second_sigint_ends_a_long_trial_at_once_and_leaves_nothing(self):
        text = scenario(serve("--leave"), environment=self.marked_environment(), budget='load = "60s"',
                        faults='[[faults]]\nwhat = "stop"\nwhen = { phase = "load", at = "50s" }')
        results = self.folder / "r"
        run = self.start("run", self.write(text), "--results", results)
        self.assertTrue(until(lambda: any((results / "trials").glob("*/segments/clients-0.seg")), 10))
        run.send_signal(signal.SIGINT)
        with self.assertRaises(Exception):  # one alone waits for the trial
            run.wait(1)
        self.assertNotEqual([], processes(self.mark))
        run.send_signal(signal.SIGINT)
        self.assertEqual(130, run.wait(5))
        self.assertTrue((results / "report.json").exists())
        self.assert_nobody_is_left(5)


if __name__ == "__main__":
    unittest.main()
