"""One cause is one finding, in every report: a hang and a crash with what they cut off; two defects are two findings."""
import unittest
import xml.etree.ElementTree as ElementTree

from lastcall_cli import PYTHON, LastcallTest, lastcall, scenario

CLIENTS = '[[clients]]\nname = "users"\nurl = "ws://127.0.0.1:{port}/"\ncount = 3\npace = "5ms"\n'
STOP = '[[faults]]\nwhat = "stop"\nwhen = { phase = "load", at = "300ms" }\n'


class Findings(LastcallTest):
    def stop(self, *options, trials=2):
        command = [PYTHON, "{here}/servers/farewell.py", "{port}", *options]
        run = self.run_scenario(scenario(command, clients=CLIENTS, faults=STOP), trials=trials)
        self.assert_exit(1, run)
        return run

    def findings(self, run):
        """Property -> the properties that failed because of it."""
        findings = run.report["scenarios"][0]["findings"]
        for one in findings:
            self.assertEqual([1, 2], one["trials"], run)
        return {one["property"]: {also["property"] for also in one["consequences"]} for one in findings}

    def messages(self, run):
        """Property -> the message of its failure, in the JUnit report."""
        cases = ElementTree.parse(run.results / "junit.xml").iter("testcase")
        return {case.get("name"): case.find("failure").get("message") for case in cases if case.find("failure") is not None}

    def failures(self, run):
        return {p["name"]: p["fail"] for p in run.report["scenarios"][0]["properties"] if p["fail"]}

    def test_a_hang_is_one_finding_with_what_it_cut_off(self):
        run = self.stop("--code", "-1", "--end", "hang")
        self.assertEqual(["deadline"], list(self.findings(run)), run)
        also = self.findings(run)["deadline"]
        # What was under way is up to where the clients are.
        self.assertEqual({"clean-exit", "close-handshake"}, also - {"in-flight-finished"}, run)
        # Each is a failure all the same.
        self.assertEqual({"deadline": 2, "clean-exit": 2, "close-handshake": 2},
                         {name: count for name, count in self.failures(run).items() if name != "in-flight-finished"})
        self.assertRegex(run.out, r"\n  deadline: still running 2 s after SIGTERM.*\n    also failed, as a consequence: clean-exit, .*\n"
                         r"      clean-exit: did not end by itself after SIGTERM\n")
        self.assertNotIn("\n  clean-exit: ", run.out)
        self.assertNotIn("\n  close-handshake: ", run.out)
        page = (run.results / "report.md").read_text()
        self.assertRegex(page, r"\n- \*\*deadline\*\* in 2 of 2 trials .*\n  - also failed, as a consequence: clean-exit, ")
        self.assertNotIn("**clean-exit**", page)
        messages = self.messages(run)
        self.assertTrue(messages["deadline"].startswith("still running 2 s after SIGTERM"), messages)
        self.assertEqual("consequence of deadline: did not end by itself after SIGTERM", messages["clean-exit"])
        self.assertIn("consequence of deadline: 3 of 3 connections got no Close frame", messages["close-handshake"])
        replay = lastcall("replay", run.results / run.trials[0]["directory"], "--times", 1, "--results",
                          self.folder / "replays")
        self.assertIn("\n  deadline: still running 2 s after SIGTERM", replay.out)
        self.assertNotIn("\n  clean-exit: did", replay.out)

    def test_a_crash_in_the_stop_is_one_finding_with_what_it_cut_off(self):
        run = self.stop("--code", "-1", "--end", "abort")
        self.assertEqual(["no-panic"], list(self.findings(run)), run)
        self.assertEqual({"clean-exit", "close-handshake"}, self.findings(run)["no-panic"] - {"in-flight-finished"}, run)
        self.assertIn("SIGABRT", self.messages(run)["no-panic"])
        self.assertTrue(self.messages(run)["clean-exit"].startswith("consequence of no-panic: SIGABRT"), run)

    def test_two_defects_are_two_findings(self):
        run = self.stop("--code", "1011", "--end", "hang")
        self.assertEqual({"deadline", "close-handshake"}, set(self.findings(run)), run)
        self.assertIn("clean-exit", self.findings(run)["deadline"])
        self.assertEqual(set(), self.findings(run)["close-handshake"])
        self.assertIn("\n  close-handshake: 3 of 3 connections got Close code 1011 (internal error)", run.out)
        self.assertIn("\n  deadline: still running", run.out)
        self.assertTrue(self.messages(run)["close-handshake"].startswith("3 of 3 connections got Close code 1011"))

    def test_what_was_cut_before_a_crash_is_a_finding_of_its_own(self):
        run = self.stop("--code", "-1", "--end", "reset", "--then", "abort")
        findings = self.findings(run)
        self.assertIn("clean-exit", findings["no-panic"], run)
        self.assertIn("close-handshake", findings, run)
        self.assertIn("\n  close-handshake: 3 of 3 connections were reset without a Close frame", run.out)


if __name__ == "__main__":
    unittest.main()
