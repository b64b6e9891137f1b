"""Faults at a function: a thread that is held there makes a race of nanoseconds happen in every trial."""
import json
import os
import unittest
from pathlib import Path

from lastcall_cli import STOP_AFTER_50_MS, LastcallTest, lastcall, scenario

PROGRAMS = Path(os.environ["LASTCALL_BUILD"]) / "bin"
TRIALS = 5


def fault(what, function, **more):
    words = "".join(f", {key} = {json.dumps(value)}" for key, value in more.items())
    return f'[[faults]]\nwhat = "{what}"\nwhen = {{ function = "{function}"{words} }}\n'


class Hold(LastcallTest):
    @classmethod
    def setUpClass(cls):
        may = next(f for f in json.loads(lastcall("doctor", "--json").out) if f["what"] == "ptrace")
        if not may["good"]:
            raise unittest.SkipTest(may["detail"])

    def stop(self, program, faults, trials=TRIALS):
        return self.run_scenario(
            scenario([PROGRAMS / program], clients="", faults=faults, budget='load = "1s"',
                     properties='released = { judge = false, why = "it opens nothing" }'), trials=trials)

    def assert_all(self, how, run, name):
        """But those in which the machine held lastcall up."""
        verdict = next(p for p in run.report["scenarios"][0]["properties"] if p["name"] == name)
        self.assertEqual([how], [one for one in ("pass", "fail", "not_applicable") if verdict[one]], run)
        self.assertGreater(verdict[how], TRIALS / 2, run)

    def test_a_stop_while_a_thread_stands_at_a_function(self):
        held = fault("stop", "SendQueue::push", thread="ping", phase="load", hold="20ms")
        run = self.stop("race_closed_channel", held)
        self.assert_all("fail", run, "no-panic")
        self.assertRegex(run.verdict("no-panic")["reason"], "in thread ping .*SendQueue::push")
        reached = run.events("function_reached")[0]
        self.assertEqual(("ping", "SendQueue::push", 20_000_000), tuple(reached[key] for key in ("thread", "function", "hold")))
        self.assertIn("keep_pinging", reached["stack"])
        # The mended one does the same in one step.
        run = self.stop("race_closed_channel_fixed", held.replace("::push", "::push_if_open"))
        self.assert_all("pass", run, "no-panic")
        self.assert_all("pass", run, "clean-exit")

    def test_a_thread_that_is_only_held(self):
        faults = STOP_AFTER_50_MS + fault("hold", "Connections::count", phase="load", hold="200ms")
        run = self.stop("race_lock_order", faults)
        self.assert_all("fail", run, "deadline")
        run = self.stop("race_lock_order_fixed", faults)
        self.assert_all("pass", run, "deadline")

    def test_a_function_that_is_not_there_or_not_reached_is_unknown(self):
        run = self.stop("race_closed_channel", fault("stop", "SendQueue::pusch"), trials=1)
        self.assert_exit(3, run)
        self.assertIn("the target has no function 'SendQueue::pusch'", run.verdict("clean-exit")["reason"])


if __name__ == "__main__":
    unittest.main()
