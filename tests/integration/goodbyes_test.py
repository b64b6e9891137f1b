"""How servers say goodbye to WebSocket clients: which Close codes are right at a stop and which before it, a reset after
the Close frame and one instead of it, and which clients lastcall's own SIGKILL resets."""
import unittest

from lastcall_cli import PYTHON, LastcallTest, scenario

FIRST = ', first: clients "orders", client '


class Goodbyes(LastcallTest):
    def stop(self, *options, properties=""):
        clients = '[[clients]]\nname = "orders"\nurl = "ws://127.0.0.1:{port}/"\ncount = 3\npace = "5ms"\n'
        faults = '[[faults]]\nwhat = "stop"\nwhen = { phase = "load", at = "300ms" }\n'
        command = [PYTHON, "{here}/servers/farewell.py", "{port}", *options]
        run = self.run_scenario(scenario(command, clients=clients, faults=faults, properties=properties))
        self.assertIn(run.code, (0, 1, 3), str(run))
        self.assertEqual("", run.trials[0]["result"]["broken"])
        return run

    def says(self, run, name, outcome, reason):
        verdict = run.verdict(name)
        self.assertEqual(outcome, verdict["outcome"], verdict)
        self.assertTrue(verdict["reason"].startswith(reason), verdict)
        if not reason:
            self.assertEqual("", verdict["reason"])

    def test_a_server_that_stops_may_give_no_code_or_say_that_it_restarts(self):
        for code in (0, 1000, 1001, 1012):
            with self.subTest(code=code):
                run = self.stop("--code", str(code))
                self.says(run, "close-handshake", "pass", "")
                self.says(run, "serves", "pass", "")

    def test_an_error_at_the_stop_fails_with_the_servers_own_words(self):
        run = self.stop("--code", "1011", "--reason", "no more")
        self.says(run, "close-handshake", "fail",
                  "3 of 3 connections got Close code 1011 (internal error) instead of 1000, 1001 or 1012" + FIRST)
        self.assertIn(': "no more"', run.verdict("close-handshake")["reason"])

    def test_a_code_of_the_applications_is_said_unless_codes_are_agreed_on(self):
        run = self.stop("--code", "4001")
        self.says(run, "close-handshake", "pass", "3 of 3 connections got Close code 4001, whose meaning only the "
                                                  "application knows" + FIRST)
        run = self.stop("--code", "4001", properties="close-handshake = { codes = [1001] }")
        self.says(run, "close-handshake", "fail", "3 of 3 connections got Close code 4001 instead of 1001" + FIRST)

    def test_a_reset_after_the_close_frame_is_said_and_fails_if_strict(self):
        reset = "3 of 3 connections were reset after the Close frame" + FIRST
        self.says(self.stop("--code", "1001", "--end", "reset"), "close-handshake", "pass", reset)
        run = self.stop("--code", "1001", "--end", "reset", properties='close-handshake = "strict"')
        self.says(run, "close-handshake", "fail", reset)

    def test_a_reset_instead_of_the_close_frame_fails(self):
        run = self.stop("--code", "-1", "--end", "reset")
        self.says(run, "close-handshake", "fail", "3 of 3 connections were reset without a Close frame" + FIRST)

    def test_what_the_kill_at_the_deadline_resets_is_nobodys(self):
        run = self.stop("--code", "1001", "--end", "hang")
        self.assertEqual("fail", run.verdict("deadline")["outcome"])
        self.says(run, "close-handshake", "pass", "")
        run = self.stop("--code", "-1", "--end", "hang")
        self.says(run, "close-handshake", "fail", "3 of 3 connections got no Close frame" + FIRST)

    def test_an_error_right_after_the_upgrade_fails_although_tcp_stays_open(self):
        for code, name in ((1011, "internal error"), (1008, "policy violation"), (1007, "invalid frame payload data")):
            with self.subTest(code=code):
                run = self.stop("--moment", "start", "--code", str(code), "--reason", "Invalid payload")
                self.says(run, "serves", "fail", f"3 of 3 connections got Close code {code} ({name}) before any answer" + FIRST)
                self.assertIn(': "Invalid payload"', run.verdict("serves")["reason"])
                self.assertEqual([], [e for e in run.events("fin") if e["direction"] == "received" and
                                      float(e["t"]) < float(run.events("fault_invoked")[0]["t"])])

    def test_a_goodbye_right_after_the_upgrade_does_not(self):
        self.says(self.stop("--moment", "start", "--code", "1012"), "serves", "pass", "")


if __name__ == "__main__":
    unittest.main()
