"""Nothing outlives lastcall, whichever of its processes is killed or stopped, and what it had found by then is reported."""
import os
import signal
import subprocess
import unittest

from lastcall_cli import until
from own_processes import HELPERS, ROLES, OwnProcessesTest, own_processes, signal_to


def trace_instances():
    """Those of the kernel's trace, as far as they can be seen."""
    script = "mount -t tracefs tracefs /mnt && ls /mnt/instances"
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True)
    return done.stdout.split()


class Killed(OwnProcessesTest):
    """lastcall is killed while its processes do not run, or while others of them are killed with it."""

    def end(self, run, stopped=(), killed=()):
        there = self.all_of(run)
        for role in stopped:
            signal_to(there[role], signal.SIGSTOP)
        for role in killed:
            signal_to(there[role], signal.SIGKILL)
        run.kill()
        run.wait()
        self.assert_nobody_is_left(15)

    def test_while_any_of_its_processes_is_stopped(self):
        for role in ROLES:
            with self.subTest(role):
                self.end(self.campaign("40s", f"r-{role}"), stopped=[role])

    def test_while_all_are_stopped(self):
        self.end(self.campaign("40s"), stopped=reversed(ROLES))

    def test_while_all_are_stopped_again_and_again(self):
        run = self.campaign("40s")
        there = self.all_of(run)
        limit = 200
        for _ in range(limit):
            for role in ROLES:
                signal_to(there[role], signal.SIGSTOP)
        run.kill()
        run.wait()
        for _ in range(limit):
            for role in HELPERS:
                signal_to(there[role], signal.SIGSTOP)
        self.assert_nobody_is_left(15)

    def test_together_with_its_guard(self):
        self.end(self.campaign("40s"), killed=["lc-guard"])

    def test_together_with_its_fork_server(self):
        self.end(self.campaign("40s"), killed=["lc-server"])

    def test_together_with_all_but_its_guard_which_is_stopped(self):
        self.end(self.campaign("40s"), stopped=["lc-guard"], killed=HELPERS[1:])


class GoesOn(OwnProcessesTest):
    def test_when_any_of_its_processes_was_stopped(self):
        run = self.campaign()
        for role in HELPERS:
            with self.subTest(role):
                signal_to(self.all_of(run)[role], signal.SIGSTOP)
                self.assert_goes_on(run)
        self.assertEqual([], [trial["broken"] for trial in self.lines() if trial["broken"]])
        self.interrupt(run)

    def test_when_the_tracer_of_a_target_was_stopped(self):
        run = self.campaign(trace="true")
        for _ in range(5):
            signal_to(self.all_of(run)["lc-trial"], signal.SIGSTOP)
            self.assert_goes_on(run)
        self.assertEqual([], [trial["broken"] for trial in self.lines() if trial["broken"]])
        self.interrupt(run)

    def test_when_all_but_lastcall_are_asked_to_end(self):
        run = self.campaign()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            there = self.all_of(run)
            for role in HELPERS:
                signal_to(there[role], number)
            self.assert_goes_on(run)
        self.assertEqual([], [trial["broken"] for trial in self.lines() if trial["broken"]])
        self.interrupt(run)

    def test_when_a_worker_or_a_keeper_was_killed(self):
        run = self.campaign("1500ms")
        for role, who in (("lc-worker", "a client worker"), ("lc-keeper", "the keeper of the sidecars")):
            with self.subTest(role):
                signal_to(self.all_of(run)[role], signal.SIGKILL)
                self.assert_goes_on(run)
                reasons = [why for trial in self.lines()
                           for why in (trial["broken"], *(v["reason"] for v in trial["verdicts"]))]
                self.assertTrue(any(who in why for why in reasons), reasons)
        self.interrupt(run)


class Breaks(OwnProcessesTest):
    """lastcall cannot go on, and says what it had found by then."""

    def broken_by_the_end_of(self, role):
        run = self.campaign()
        self.assertTrue(until(lambda: len(self.lines()) >= 2, 30))
        signal_to(self.all_of(run)[role], signal.SIGKILL)
        self.assertEqual(4, run.wait(20))
        self.assert_nobody_is_left(1)
        report = self.assert_reports(4)
        self.assertIn("the fork server ended; was it killed?", report["exit_reason"])
        self.assertIn("the fork server ended", (self.results / "junit.xml").read_text())
        self.assertIn("the fork server ended", (self.results / "report.md").read_text())
        self.assertGreaterEqual(len([trial for trial in self.lines() if not trial["broken"]]), 2)
        self.assert_right_verdicts()

    def test_when_its_fork_server_is_killed(self):
        self.broken_by_the_end_of("lc-server")

    def test_when_its_guard_is_killed(self):
        self.broken_by_the_end_of("lc-guard")

    def test_when_its_fork_server_is_killed_which_leaves_no_part_of_the_kernels_trace(self):
        run = self.campaign()
        server = self.all_of(run)["lc-server"]
        instance = f"lastcall-{server[0]}"
        if instance not in trace_instances():
            self.skipTest("the kernel's trace cannot be seen here")
        signal_to(server, signal.SIGKILL)
        self.assertEqual(4, run.wait(20))
        self.assertNotIn(instance, trace_instances())

    def test_when_both_are_killed_leaving_no_process_of_its_own(self):
        run = self.campaign()
        there = self.all_of(run)
        for role in ("lc-guard", "lc-server"):
            signal_to(there[role], signal.SIGKILL)
        self.assertEqual(4, run.wait(30))
        self.assert_reports(4)
        left = [pid for role in HELPERS for pid in there[role] if os.path.exists(f"/proc/{pid}/exe")]
        self.assertEqual([], left, own_processes(run.pid))


if __name__ == "__main__":
    unittest.main()
