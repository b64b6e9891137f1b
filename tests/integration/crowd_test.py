"""The scenario of a stranger, a command and a URL: what a crowd of client habits finds that clients which only go on
asking do not, what it leaves in peace, and when the stop comes."""
import unittest

from budget import problems_of_silence
from lastcall_cli import PYTHON, LastcallTest, scenario

NO_FAULTS = " "  # the default stop
URL = '[[clients]]\nurl = "{}://127.0.0.1:{{port}}/"\n'
TRIALS = 20  # of a right server


class Crowd(LastcallTest):
    def stranger(self, command, scheme="http", crowd="usual", trials=4):
        text = scenario([PYTHON, *command], clients=URL.format(scheme), faults=NO_FAULTS, crowd=crowd)
        return self.run_scenario(text, "--jobs", 2, trials=trials)

    def crowd(self, *words, **parts):
        return self.stranger(["{here}/servers/crowd.py", "{port}", *words], **parts)

    def property_of(self, run, name):
        return next(p for p in run.report["scenarios"][0]["properties"] if p["name"] == name)

    def test_a_drain_that_hangs_on_an_idle_connection_is_found(self):
        run = self.crowd("--waits-for", "idle")
        self.assert_exit(1, run)
        self.assertEqual("fail", self.property_of(run, "deadline")["verdict"], str(run))
        self.assertRegex(run.out, r'deadline: .*held by 1 connection idle after an answer \(clients "clients-1", client ')

    def test_it_is_hidden_by_clients_that_go_on_asking(self):
        run = self.crowd("--waits-for", "idle", crowd="none")
        self.assertNotEqual(1, run.code, str(run))

    def test_a_drain_that_hangs_on_a_websocket_without_a_message_is_found(self):
        run = self.crowd("--waits-for", "quiet", scheme="ws")
        self.assert_exit(1, run)
        self.assertRegex(run.out, r'held by .*1 connection upgraded to a WebSocket, without a message \(clients '
                                  r'"clients-1", client ')

    def test_a_drain_that_waits_for_a_client_that_had_left_is_found(self):
        for scheme in ("http", "ws"):
            with self.subTest(scheme):
                run = self.crowd("--misses-leavers", scheme=scheme)
                self.assert_exit(1, run)
                self.assertEqual("fail", self.property_of(run, "deadline")["verdict"], str(run))
                self.assertRegex(run.out, r"deadline: .*in drain \(.*crowd\.py:\d+")
                alone = self.crowd("--misses-leavers", scheme=scheme, crowd="none")
                self.assertNotEqual(1, alone.code, str(alone))

    def test_a_server_that_does_not_answer_the_close_frame_of_who_leaves_is_found(self):
        run = self.crowd("--ignores-close", scheme="ws")
        self.assert_exit(1, run)
        self.assertRegex(run.out, "serves: .*got no Close frame in answer to their own")

    def test_a_server_that_lets_in_who_comes_late_is_found(self):
        run = self.crowd("--lets-in", "0.6")
        self.assert_exit(1, run)
        self.assertEqual("fail", self.property_of(run, "stops-accepting")["verdict"], str(run))
        self.assertRegex(run.out, "requests? on (a new connection was|new connections were) answered.*: the target goes on accepting")
        alone = self.crowd("--lets-in", "0.6", crowd="none")
        self.assertEqual(0, self.property_of(alone, "stops-accepting")["fail"], str(alone))

    def test_right_servers_are_left_in_peace(self):
        for scheme in ("http", "ws"):
            with self.subTest(scheme):
                runs = []

                def campaign(trials):
                    runs.append(self.crowd("--ms", "250", scheme=scheme, trials=trials))
                    return runs[-1]
                self.assertEqual([], problems_of_silence(campaign, TRIALS))
                for name in ("serves", "deadline", "in-flight-finished", "close-handshake", "stops-accepting"):
                    self.assertGreater(self.property_of(runs[0], name)["pass"], 0, str(runs[0]))
                habits = ["silent", "slow-reader", "never-closes", "reset"]
                self.assertEqual(habits, runs[0].report["scenarios"][0]["not_tried"])
                self.assertIn("no stop met clients with these habits: " + ", ".join(habits), runs[0].out)

    def test_a_harsh_crowd_has_the_others_too(self):
        run = self.crowd(crowd="harsh", trials=12)
        self.assertEqual([], run.report["scenarios"][0]["not_tried"], str(run))

    def test_a_slow_endpoint_is_stopped_in_every_state(self):
        run = self.stranger(["{here}/servers/handlers.py", "--port", "{port}", "--drops", "--ms", 1500], trials=3)
        self.assert_exit(1, run)
        lost = [run.verdict("in-flight-finished", trial)["outcome"] for trial in range(3)]
        self.assertGreaterEqual(lost.count("fail"), 2, str(run))
        for trial in range(3):
            measured, = run.events("load_measured", trial)
            stop = next(float(e["t"]) for e in run.events("fault_invoked", trial))
            load = next(float(e["t"]) for e in run.events("phase_began", trial) if e["phase"] == "load")
            self.assertEqual(max(1e9, min(4 * measured["response"], 10e9)), measured["window"])
            # A stop later than a quarter of the window waits until an answer says how long that is.
            if stop - load > 1:
                self.assertGreaterEqual(measured["response"], 1.5e9)


if __name__ == "__main__":
    unittest.main()
