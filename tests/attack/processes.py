"""Attacks lastcall's own processes: kills each of them at 1,000 random moments, and stops each of them at 200. Nothing may
hang or be left, no verdict may be wrong, and the reports have what was found by then. Writes
reports/evidence/attack_processes.json and .md. LASTCALL_SCALE divides the counts."""
import os
import random
import signal
import sys
import time
import unittest
from collections import Counter

import evidence
from lastcall_cli import until
from own_processes import HELPERS, ROLES, OwnProcessesTest, own_processes, signal_to

SCALE = int(os.environ.get("LASTCALL_SCALE", "1"))
KILLS = max(len(ROLES), 1000 // SCALE)
STOPS = max(len(ROLES), 200 // SCALE)
COMMAND = "ctest --preset release -L long -R attack.processes"
SEED = int(os.environ.get("LASTCALL_SEED", random.randrange(1 << 32)))
# Seconds. The first trials begin after some tenths.
MOMENTS = (0, 2)
hit = {"killed": Counter(), "stopped": Counter()}


class Processes(OwnProcessesTest):
    def attack(self, what, index):
        """A campaign, whose process of the role in turn gets the signal at a random moment, and that role."""
        chance = random.Random(f"{SEED} {what} {index}")
        self.chance = chance
        self.kill_marked()  # of an attack that failed
        run = self.campaign(chance.choice(["50ms", "300ms", "2s"]), f"r-{index}")
        time.sleep(chance.uniform(*MOMENTS))
        role = ROLES[index % len(ROLES)]
        pids = []
        self.assertTrue(until(lambda: pids.extend(own_processes(run.pid)[role]) or pids, 30), role)
        signal_to([chance.choice(pids)], signal.SIGKILL if what == "killed" else signal.SIGSTOP)
        hit[what][role] += 1
        return run, role

    def end(self, run):
        """By SIGKILL or Ctrl-C."""
        if self.chance.random() < 0.5:
            run.kill()
            run.wait()
            self.assert_nobody_is_left(15)
        else:
            run.send_signal(signal.SIGCONT)
            self.interrupt(run)

    def test_kills(self):
        for index in range(KILLS):
            with self.subTest(index=index, seed=SEED):
                run, role = self.attack("killed", index)
                if role == "lastcall":
                    run.wait()
                    self.assert_nobody_is_left(15)
                elif role in ("lc-guard", "lc-server"):
                    self.assertEqual(4, run.wait(30))
                    self.assert_nobody_is_left(5)
                    self.assert_reports(4)
                else:
                    self.assert_goes_on(run)
                    self.end(run)
                self.assert_right_verdicts()

    def test_stops(self):
        for index in range(STOPS):
            with self.subTest(index=index, seed=SEED):
                run, role = self.attack("stopped", index)
                if role in HELPERS:
                    self.assert_goes_on(run)
                    self.assertEqual([], [trial["broken"] for trial in self.lines() if trial["broken"]])
                self.end(run)
                self.assert_right_verdicts()


def main():
    begin = time.monotonic()
    done = unittest.main(exit=False, verbosity=2).result
    failed = [str(test) for test, _ in (*done.failures, *done.errors)]
    content = {**evidence.header(COMMAND), "seed": SEED, "seconds": round(time.monotonic() - begin),
               **{what: dict(counts) for what, counts in hit.items()}, "failed": failed}
    rows = [(role, hit["killed"][role], hit["stopped"][role]) for role in ROLES]
    evidence.save("attack_processes", content, "# Attacks on lastcall's own processes\n\n"
                  "Each was hit at a random moment of a campaign of its own. Nothing may hang or be left behind, and no "
                  "verdict may be wrong.\n\n" + evidence.table(["process", "killed", "stopped"], rows)
                  + f"\n{len(failed)} of {sum(map(sum, (c.values() for c in hit.values())))} failed.\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
