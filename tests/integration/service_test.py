"""lastcall as a service manager: what notifications count, the watchdog, and time-outs that are extended. What the
checkers say of it is in the unit tests of notify and watchdog; here is what happens."""
import unittest

from lastcall_cli import PYTHON, LastcallTest, scenario


def stop_at(ms):
    return f'[[faults]]\nwhat = "stop"\nwhen = {{ phase = "load", at = "{ms}ms" }}\n'


class Service(LastcallTest):
    def run_notifier(self, *options, target="", service="", faults=stop_at(50), ready="notify = true", **more):
        tables = f"[target.service]\n{service}\n" if service else ""
        return self.run_scenario(scenario([PYTHON, "{here}/servers/notifier.py", *options], ready=ready,
                                          environment=target + "\n" + tables, faults=faults, **more))

    def lines(self, run):
        return [e["line"] for e in run.events("target_output")]

    def seconds(self, run, begin, end):
        return float(run.events(end)[0]["t"]) - float(run.events(begin)[0]["t"])


class Access(Service):
    def test_main_does_not_hear_a_child(self):
        run = self.run_notifier("--ready-from-child", ready='notify = true, timeout = "500ms"')
        self.assertEqual([], run.events("target_ready"))
        self.assertIn("READY=1", [e["text"] for e in run.events("notification")])

    def test_all_hears_a_child(self):
        run = self.run_notifier("--ready-from-child", service='access = "all"')
        self.assertEqual(1, len(run.events("target_ready")), run)

    def test_mainpid_makes_a_child_the_main_process(self):
        run = self.run_notifier("--main-is-child")
        self.assertEqual(1, len(run.events("target_ready")), run)

    def test_main_is_the_shell_where_there_is_one(self):
        run = self.run_notifier(target="shell = true", ready='notify = true, timeout = "500ms"')
        self.assertEqual([], run.events("target_ready"))

    def test_main_is_the_init_of_a_pid_namespace(self):
        run = self.run_notifier(target="pid1 = true", service='watchdog = "5s"')
        if run.events("target_not_started"):
            self.skipTest(run.events("target_not_started")[0]["reason"])
        self.assertEqual(1, len(run.events("target_ready")), run)
        self.assertIn("watchdog 5000000 True", self.lines(run))


class Ports(Service):
    def test_are_tried_when_the_target_says_ready(self):
        open_run = self.run_notifier("--port", "{port}")
        self.assertEqual([("", 0)], [(e["name"], e["error"]) for e in open_run.events("ready_probed")])
        closed = self.run_notifier("--port", "{port}", "--no-listener")
        self.assertEqual([("", 111)], [(e["name"], e["error"]) for e in closed.events("ready_probed")])


class Barrier(Service):
    def test_is_answered_by_closing_the_descriptor(self):
        self.assertIn("barrier True", self.lines(self.run_notifier("--say", "barrier", faults=stop_at(200))))


class Flood(Service):
    def test_of_notifications_is_bounded_and_said(self):
        run = self.run_notifier("--flood", 60_000, faults='[[faults]]\nwhat = "stop"\nwhen = { log = "^flooded" }\n',
                                budget='load = "60s"')
        kept = len(run.events("notification"))
        self.assertLess(10_000, kept)
        self.assertLess(kept, 30_000)
        self.assertEqual([("notifications", "there were more 'notification' events than the 24 MiB that lastcall keeps")],
                         [(e["source"], e["reason"]) for e in run.events("events_lost")])
        # What was not recorded was heard nevertheless, and only what depends on all of it is not known.
        self.assertEqual("unknown", run.verdict("notify")["outcome"], run)
        for known in ("clean-exit", "deadline", "released"):
            self.assertEqual("pass", run.verdict(known)["outcome"], run)
        written = sum(file.stat().st_size for file in run.history().parent.rglob("*") if file.is_file())
        self.assertLess(written, 100 << 20)


class Watchdog(Service):
    def test_is_told_to_the_main_process_and_content_with_heartbeats(self):
        run = self.run_notifier("--beat", "0.05", service='watchdog = "600ms"', faults=stop_at(1000))
        self.assertIn("watchdog 600000 True", self.lines(run))
        self.assertEqual([], run.events("watchdog_expired"))
        self.assertEqual("pass", run.verdict("clean-exit")["outcome"], run)

    def test_ends_what_does_not_beat_with_sigabrt(self):
        run = self.run_notifier("--beat", "0.05", "--beats", 3, service='watchdog = "300ms"', faults=stop_at(3000))
        self.assertEqual(1, len(run.events("watchdog_expired")))
        self.assertEqual((6, "its watchdog expired"), [(e["signal"], e["reason"]) for e in run.events("target_forced")][0])
        self.assertEqual(("signalled", 6), [(e["how"], e["value"]) for e in run.events("target_ended")][0])
        self.assertEqual("fault 1 was not reached: lastcall ended the target because its watchdog expired",
                         run.verdict("deadline")["reason"])

    def test_is_triggered_by_the_target(self):
        run = self.run_notifier("--say", "WATCHDOG=trigger", service='watchdog = "60s"', faults=stop_at(2000))
        self.assertEqual(1, len(run.events("watchdog_expired")))

    def test_stops_at_the_stop_unless_it_is_demanded_there(self):
        options = ("--beat", "0.05", "--stop-takes", "0.8")
        run = self.run_notifier(*options, service='watchdog = "400ms"')
        self.assertEqual([], run.events("watchdog_expired"))
        run = self.run_notifier(*options, service='watchdog = "400ms"\nwatchdog_while_stopping = true')
        self.assertEqual(1, len(run.events("watchdog_expired")))
        run = self.run_notifier(*options, "--beat-at-stop",
                                service='watchdog = "400ms"\nwatchdog_while_stopping = true')
        self.assertEqual([], run.events("watchdog_expired"))


class Extended(Service):
    def test_a_start_may_take_longer(self):
        ready = 'notify = true, timeout = "400ms"'
        run = self.run_notifier("--start-takes", "1.0", ready=ready)
        self.assertEqual(1, len(run.events("target_ready")), run)

    def test_a_stop_may_take_longer_while_the_target_asks(self):
        # The scenario's deadline is two seconds.
        run = self.run_notifier("--stop-takes", "2.6", "--extend", "1")
        self.assertEqual([], run.events("deadline_passed"))
        self.assertGreater(len(run.events("deadline_extended")), 0)
        self.assertGreater(self.seconds(run, "fault_invoked", "target_ended"), 2.5)

    def test_a_stop_that_asks_no_more_is_killed_then(self):
        run = self.run_notifier("--stop-takes", "30", "--extend", "2.5", "--extend-once")
        self.assertEqual(1, len(run.events("deadline_extended")))
        taken = self.seconds(run, "fault_invoked", "deadline_passed")
        self.assertGreater(taken, 2.4)
        self.assertLess(taken, 3.5)

    def test_a_start_that_asks_without_end_is_not_waited_for(self):
        for more in (1_000_000, (1 << 64) - 1):
            with self.subTest(more=more):
                run = self.run_notifier("--greedy", more, ready='notify = true, timeout = "1s"',
                                        service="max_extension = 2")
                self.assertRegex(run.events("target_not_ready")[0]["reason"],
                                 "by EXTEND_TIMEOUT_USEC .it asked [0-9]+ times for more than max_extension allows.")
                self.assertLess(self.seconds(run, "target_started", "target_not_ready"), 4)

    def test_a_stop_that_asks_without_end_is_killed(self):
        # Ready before it asks; the scenario's deadline is two seconds.
        run = self.run_notifier("--greedy", (1 << 64) - 1, ready='log = "^watchdog"', service="max_extension = 2")
        taken = self.seconds(run, "fault_invoked", "deadline_passed")
        self.assertGreater(taken, 3.9)
        self.assertLess(taken, 5)
        reason = run.verdict("deadline")["reason"]
        self.assertTrue(reason.startswith("still running 4 s after SIGTERM"), reason)
        self.assertRegex(reason, "[0-9]+ EXTEND_TIMEOUT_USEC beyond 4 s .max_extension., not granted")


if __name__ == "__main__":
    unittest.main()
