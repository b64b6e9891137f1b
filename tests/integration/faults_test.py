"""Faults come when the plan says, in the order it says, and one that never came is not hidden."""
import re
import unittest

from lastcall_cli import HTTP_CLIENT, LastcallTest


def at(event, nth):
    return f'when = {{ event = "{event}", nth = {nth} }}\n'


def stop_at(event, nth):
    return '[[faults]]\nwhat = "stop"\n' + at(event, nth)


# The small server serves on while it lingers.
SERVES_ON = 'stops-accepting = { judge = false, why = "it lingers so that the second signal finds it at work" }\n'


class Faults(LastcallTest):
    def double(self, first, second, gap):
        # The linger outlasts the gap, so that the second signal finds the server at work.
        faults = (f'[[faults]]\nwhat = "double-signal"\nsignal = "{first}"\nsecond = "{second}"\ngap = "{gap}ms"\n'
                  + at("acknowledged", 3))
        run = self.run_server("--linger", 0.5, faults=faults, signal='["SIGTERM", "SIGINT"]',
                              properties=SERVES_ON)
        self.assert_exit(0, run)
        lines = [re.fullmatch(r"signal (\w+) at (\d+)", e["line"]) for e in run.events("target_output")]
        return [(m[1], int(m[2])) for m in lines if m], run

    def test_a_double_signal_delivers_both_in_order_with_its_gap(self):
        for first, second, gap in (("SIGTERM", "SIGINT", 60), ("SIGINT", "SIGTERM", 150), ("SIGTERM", "SIGTERM", 100)):
            with self.subTest(first=first, second=second):
                seen, run = self.double(first, second, gap)
                self.assertEqual([first, second], [name for name, _ in seen])
                invoked = run.events("fault_invoked")
                self.assertEqual([(0, True), (1, False)], [(e["step"], e["stop"]) for e in invoked])
                # As lastcall sent them: the server may be late for the first.
                self.assertGreaterEqual(float(invoked[1]["t"]) - float(invoked[0]["t"]), gap / 1e3)
                self.assertLess(seen[1][1] - seen[0][1], (gap + 250) * 1e6)

    def test_a_signal_that_is_no_stop_comes_before_the_stop(self):
        faults = '[[faults]]\nwhat = "signal"\nsignal = "SIGUSR1"\n' + at("acknowledged", 3)
        run = self.run_server(faults=faults + stop_at("acknowledged", 15))
        self.assert_exit(0, run)
        self.assertEqual([False, True], [e["stop"] for e in run.events("fault_invoked")])
        output = "\n".join(e["line"] for e in run.events("target_output"))
        self.assertRegex(output, r"signal SIGUSR1 at \d+\n(.*\n)*signal SIGTERM")

    def test_a_signal_of_the_drain_phase_comes_after_the_stop(self):
        faults = (stop_at("acknowledged", 3) +
                  '[[faults]]\nwhat = "signal"\nsignal = "SIGUSR1"\nwhen = { phase = "drain", at = "100ms" }')
        run = self.run_server("--linger", 0.5, faults=faults, properties=SERVES_ON)
        self.assert_exit(0, run)
        stop, other = run.events("fault_invoked")
        self.assertEqual((True, False), (stop["stop"], other["stop"]))
        self.assertGreaterEqual(float(other["t"]) - float(stop["t"]), 0.1)

    def test_a_stop_in_the_start_phase_comes_before_the_target_is_ready(self):
        faults = '[[faults]]\nwhat = "stop"\nwhen = { phase = "start", at = "1500ms" }'
        run = self.run_server("--ready-after", 5, faults=faults)
        self.assert_exit(0, run)
        self.assertEqual([], run.events("target_ready"))
        self.assertEqual("not-applicable", run.verdict("serves")["outcome"])
        self.assertEqual("pass", run.verdict("clean-exit")["outcome"])

    def test_the_stop_comes_right_at_the_nth_acknowledgement(self):
        run = self.run_server(clients=HTTP_CLIENT + "count = 2\n", faults=stop_at("acknowledged", 7), trials=3)
        self.assert_exit(0, run)
        for trial in range(3):
            events = [e for e in run.events(trial=trial)
                      if e["kind"] == "fault_invoked" or e["kind"] == "request_ended" and e["end"] == "ok"]
            stop = next(i for i, e in enumerate(events) if e["kind"] == "fault_invoked")
            self.assertEqual(7, stop)
            self.assertLess(float(events[7]["t"]) - float(events[6]["t"]), 0.05)

    def test_the_stop_comes_at_the_nth_connection_and_the_nth_message_sent(self):
        clients = HTTP_CLIENT + 'count = 4\nramp = "200ms"\n'
        for event, kind, nth in (("connected", "layer_up", 3), ("sent", "request_sent", 5)):
            with self.subTest(event=event):
                run = self.run_server(clients=clients, faults=stop_at(event, nth))
                self.assert_exit(0, run)
                order = [e["kind"] for e in run.events() if e["kind"] in ("fault_invoked", kind)]
                self.assertEqual(nth, order.index("fault_invoked"))

    def test_an_nth_event_that_is_never_reached_is_said_and_exits_3(self):
        run = self.run_server(clients=HTTP_CLIENT + "messages = 2\n", faults=stop_at("acknowledged", 100),
                              budget='load = "500ms"', properties='require = ["clean-exit"]')
        self.assert_exit(3, run)
        self.assertIn("2 of 100 'acknowledged' events", run.events("fault_not_reached")[0]["reason"])
        self.assertEqual("unknown", run.verdict("clean-exit")["outcome"])
        self.assertIn("was not reached", run.verdict("clean-exit")["reason"])
        self.assertIn("was not reached", run.out)


if __name__ == "__main__":
    unittest.main()
