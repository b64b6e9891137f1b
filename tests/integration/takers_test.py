"""The tracer does not change which thread takes the stop signal: as many stops traced as untraced, in turn, of a server
whose threads work all the time; each thread takes it in the same share of both.
LASTCALL_STOPS: how many of each, for each kind of server and of stop."""
import json
import math
import os
import unittest
from collections import Counter

from lastcall_cli import HTTP_CLIENT, LastcallTest, lastcall, scenario

STOPS = int(os.environ.get("LASTCALL_STOPS", "40"))
BATCH = 100      # trials of a campaign: each keeps its history
CHANCE = 0.0001  # so rarely the same share looks as different as that
BY_TIME = '[[faults]]\nwhat = "stop"\nwhen = { phase = "load", at = "20ms..40ms" }\n'
BY_A_CLIENT = '[[faults]]\nwhat = "stop"\nwhen = { event = "acknowledged", nth = "2..8" }\n'


def is_the_same_share(one, of_one, other, of_other):
    """Fisher's exact test: whether such a difference of two counts, or a larger one, is not too rare to be chance."""
    total, drawn = of_one + of_other, one + other
    ways = {k: math.comb(of_one, k) * math.comb(of_other, drawn - k)
            for k in range(max(0, drawn - of_other), min(of_one, drawn) + 1)}
    return sum(way for way in ways.values() if way <= ways[one]) / math.comb(total, drawn) >= CHANCE


class Takers(LastcallTest):
    @classmethod
    def setUpClass(cls):
        may = next(f for f in json.loads(lastcall("doctor", "--json").out) if f["what"] == "ptrace")
        if not may["good"]:
            raise unittest.SkipTest(may["detail"])

    def takers(self, who, faults):
        """Whether traced -> who took the signal, how often."""
        text = scenario(["signal_takers", who, "{port}"], environment="untraced_every = 2", faults=faults,
                        clients=HTTP_CLIENT)
        found = {True: Counter(), False: Counter()}
        while min(map(Counter.total, found.values())) < STOPS:
            run = self.run_scenario(text, "--jobs", 2, trials=min(BATCH, 2 * STOPS))
            for number, trial in enumerate(run.trials):
                lines = [event["line"] for event in run.events("target_output", number)]
                took = [line.removeprefix("taken by ") for line in lines if line.startswith("taken by ")]
                self.assertEqual(1, len(took), (lines, trial["result"]["broken"]))
                found[trial["result"]["traced"]][took[0]] += 1
        return found

    def test_each_thread_takes_the_signal_as_often_as_untraced(self):
        for who in ("all", "workers"):
            for name, faults in (("by time", BY_TIME), ("by a client", BY_A_CLIENT)):
                with self.subTest(who=who, stop=name):
                    found = self.takers(who, faults)
                    traced, untraced = found[True], found[False]
                    print(f"{who}, stopped {name}: traced {dict(traced)}, untraced {dict(untraced)}")
                    for taker in traced | untraced:
                        same = is_the_same_share(traced[taker], traced.total(), untraced[taker], untraced.total())
                        self.assertTrue(same, (taker, traced, untraced))
                    if who == "all":
                        self.assertEqual({"the first thread"}, set(traced))


if __name__ == "__main__":
    unittest.main()
