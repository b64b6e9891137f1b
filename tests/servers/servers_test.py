"""Servers that stop as they should: not one trial may fail, nor be unknown unless lastcall itself was held up.
LASTCALL_TRIALS: how many of each. LASTCALL_SHARD: "2/4" is every fourth scenario from the second on, "crowds" those
with thousands of clients; all of them if it is not set."""
import os
import unittest

from budget import campaigns_of, problems_of_silence
from lastcall_cli import SOURCE, temporary_folder

TRIALS = int(os.environ.get("LASTCALL_TRIALS", "20"))
SHARD = os.environ.get("LASTCALL_SHARD", "")
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


def of_shard():
    if not SHARD:
        return scenarios()
    if SHARD == "crowds":
        return CROWDS
    first, step = map(int, SHARD.split("/"))
    return [name for name in scenarios() if name not in CROWDS][first - 1::step]


REFERENCE = named("reference/*.toml")


class Servers(unittest.TestCase):
    maxDiff = None

    def test_every_ready_made_scenario_holds(self):
        self.assertGreater(len(scenarios()), 20)
        for scenario in of_shard():
            with self.subTest(scenario), temporary_folder() as folder:
                few = scenario in SLOW + CROWDS
                run = campaigns_of(SOURCE / "scenarios" / f"{scenario}.toml", folder, jobs=1 if scenario in CROWDS else 2)
                self.assertEqual([], problems_of_silence(run, max(4, TRIALS // 5) if few else TRIALS))


if __name__ == "__main__":
    unittest.main()
