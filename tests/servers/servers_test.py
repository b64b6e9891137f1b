"""Servers that stop as they should: not one trial may fail or be unknown. LASTCALL_TRIALS: how many of each."""
import os
import unittest

from lastcall_cli import SOURCE, lastcall, temporary_folder

TRIALS = int(os.environ.get("LASTCALL_TRIALS", "20"))
# A trial of these takes seconds, because a cluster is made first or the stop itself rightly takes that long.
SLOW = ("caddy/silent", "haproxy/bounded", "nats/lame_duck", "postgres/fast", "postgres/immediate", "postgres/smart")
# Thousands of clients: one crowd at a time.
CROWDS = ("reference/charge_points", "reference/many_clients")
# Elsewhere: planted bugs and their twin (tests/detection), and a crowd (tests/bench/many_clients.py).
ELSEWHERE = ("defects", "twin", "traced", "many_clients")


def named(pattern):
    return sorted("/".join(path.with_suffix("").parts[-2:]) for path in (SOURCE / "scenarios").glob(pattern))


def scenarios():
    return [name for name in named("*/*.toml") if not set(name.split("/")) & set(ELSEWHERE)]


REFERENCE = named("reference/*.toml")


class Servers(unittest.TestCase):
    def assert_holds(self, scenario, trials, jobs):
        with temporary_folder() as folder:
            run = lastcall("run", SOURCE / "scenarios" / f"{scenario}.toml", "--trials", trials, "--jobs", jobs, "--results",
                           f"{folder}/r")
            reasons = [(t["trial"], v["property"], v["outcome"], v["reason"]) for t in run.trials
                       for v in t["result"]["verdicts"] if v["outcome"] in ("fail", "unknown")]
            self.assertEqual([], reasons, str(run))
            self.assertEqual(0, run.code, str(run))
            self.assertEqual(trials, len(run.trials))
            for summary in run.report["scenarios"][0]["properties"]:
                if summary["required"]:
                    self.assertGreater(summary["judged"], 0, summary)

    def test_every_ready_made_scenario_holds(self):
        self.assertGreater(len(scenarios()), 20)
        for scenario in scenarios():
            with self.subTest(scenario):
                few = scenario in SLOW + CROWDS
                self.assert_holds(scenario, max(4, TRIALS // 5) if few else TRIALS, 1 if scenario in CROWDS else 2)


if __name__ == "__main__":
    unittest.main()
