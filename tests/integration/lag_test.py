"""lastcall says of its own processes when they did not run."""
import contextlib
import os
import signal
import time
import unittest

from lastcall_cli import LastcallTest, Run, processes, scenario, serve, until

FROZEN = 0.15


class LagOfLastcall(LastcallTest):
    def freeze(self):
        """Stops every process of lastcall (targets do not carry the mark) for a while."""
        pids = processes(self.mark)
        for number in (signal.SIGSTOP, signal.SIGCONT):
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
                    os.kill(pid, number)
            time.sleep(FROZEN if number == signal.SIGSTOP else 0)

    def test_a_process_that_was_stopped_says_for_how_long(self):
        faults = '[[faults]]\nwhat = "stop"\nwhen = { phase = "load", at = "700ms" }\n'
        path = self.write(scenario(serve(), faults=faults))
        results = self.folder / "r"
        run = self.start("run", path, "--trials", 1, "--keep", "all", "--results", results)
        self.assertTrue(until(lambda: list(results.glob("**/clients-0.seg")), 20))
        while run.poll() is None:  # several times in the load, whenever that is
            self.freeze()
            time.sleep(0.05)
        self.assertIn(run.returncode, (0, 3))  # what a lag may explain is not judged
        lags = Run(0, "", "", 0, results).events("lag")
        for source in ("trial", "clients-0"):
            longest = max(e["nanoseconds"] for e in lags if e["source"] == source)
            # The timer was due at most its interval after the process was stopped.
            self.assertGreaterEqual(longest, (FROZEN - 0.02) * 1e9)


if __name__ == "__main__":
    unittest.main()
