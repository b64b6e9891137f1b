"""SIGKILL of lastcall, or of a trial process, leaves nothing running: not even a daemon of the target; outlive_test.py has
its other processes.
LASTCALL_KILLS: at how many random moments lastcall itself is killed."""
import os
import random
import signal
import time
import unittest

from lastcall_cli import LastcallTest, processes, scenario, serve, until
from own_processes import children, command, own_processes

KILLS = int(os.environ.get("LASTCALL_KILLS", "5"))


class Kill(LastcallTest):
    def campaign(self, results="r"):
        text = scenario(serve("--leave"), environment=self.marked_environment(),
                        faults='[[faults]]\nwhat = "stop"\nwhen = { phase = "load", at = "300ms" }')
        return self.start("run", self.write(text), "--trials", 1000, "--jobs", 2, "--keep", "none", "--results",
                          self.folder / results)

    def daemons(self):
        return [pid for pid in processes(self.mark) if command(pid).startswith(b"sleep\x00987")]

    def wait_for_daemon(self):
        self.assertTrue(until(self.daemons, 20), "no daemon was started")

    def trial_process(self, run):
        """The one that has the target below it."""
        for trial in own_processes(run.pid)["lc-trial"]:
            if any(b"serve.py" in command(below) for below in children(trial)):
                return trial
        return None

    def test_of_lastcall_at_random_moments(self):
        seed = random.randrange(1 << 32)
        moments = random.Random(seed)
        for kill in range(KILLS):
            with self.subTest(kill=kill, seed=seed):
                run = self.campaign(f"r-{kill}")
                if kill == 0:
                    self.wait_for_daemon()
                time.sleep(moments.uniform(0, 1.5))
                run.kill()
                run.wait()
                self.assert_nobody_is_left(10)

    def test_of_one_trial_process_while_lastcall_goes_on(self):
        run = self.campaign()
        self.wait_for_daemon()
        self.assertTrue(until(lambda: self.trial_process(run), 10))
        trial = self.trial_process(run)
        below = children(trial)
        os.kill(trial, signal.SIGKILL)
        self.assertTrue(until(lambda: not any(command(pid) for pid in below), 10), "the killed trial's target is alive")
        run.send_signal(signal.SIGINT)
        self.assertEqual(130, run.wait(10))
        self.assertIn("the trial process ended without a result", (self.folder / "r" / "trials.jsonl").read_text())
        self.assert_nobody_is_left(10)


class Daemon(LastcallTest):
    def test_left_by_a_target_that_exits_0_is_named_by_released_and_gone_afterwards(self):
        run = self.run_server("--leave", environment=self.marked_environment())
        self.assert_exit(1, run)
        self.assertEqual({"released"}, {p for p, outcome in run.outcomes().items() if outcome == "fail"})
        self.assertIn("sleep 987", run.verdict("released")["reason"])
        self.assertEqual([], processes(self.mark))

    def test_not_left_is_not_missed(self):
        run = self.run_server(environment=self.marked_environment())
        self.assert_exit(0, run)
        self.assertEqual("pass", run.verdict("released")["outcome"])


if __name__ == "__main__":
    unittest.main()
