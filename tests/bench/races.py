"""How often the programs of targets/races/ go wrong when they are just run: each of them, and each mended twin, stopped
at a random moment after it is ready. Writes reports/evidence/races.json and .md.

LASTCALL_RUNS: how often each is run; LASTCALL_TESTS: a regular expression of programs' names, instead of all."""
import hashlib
import math
import os
import random
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import evidence
from lastcall_cli import LASTCALL

RUNS = int(os.environ.get("LASTCALL_RUNS", "1000"))
CHOSEN = re.compile(os.environ.get("LASTCALL_TESTS", ""))
COMMAND = "ctest --preset release -L bench -R races"
PROGRAMS = Path(LASTCALL).resolve().parent
# A hundred times what the slowest takes, for busy machines. Whoever runs longer hangs.
LIMIT = 10  # seconds
# The threads of all programs come by their windows at least every 5 ms.
LATEST_STOP = 0.02  # seconds after it is ready
RIGHT, HANG = "exits with 0", "hangs"

ABOUT = """# Planted races, plainly run

The programs of `targets/races/`, one run at a time, each stopped by SIGTERM at a random moment of the first 20 ms after
it said `ready`; the tests run by themselves. The twin of a program is the same without the race. The interval is that of
Clopper and Pearson at 95 %, in % of runs that went wrong.
"""


@dataclass(frozen=True)
class Program:
    """A program with a race or a mended twin: its command, whether it has to be stopped."""
    name: str
    words: tuple
    is_stopped: bool = True

    @property
    def file(self):
        return PROGRAMS / self.words[0]


def with_twin(name):
    return Program(name, (name,)), Program(f"{name}_fixed", (f"{name}_fixed",))


def test_with_twin(name, option):
    return tuple(Program(f"{name} {test}", (name, f"{option}{test}"), is_stopped=False)
                 for test in ("IsReadWhileItIsCleared", "IsReadInOneStepWhileItIsCleared"))


# (the program with the race, its twin)
IN_CPP = [*(with_twin(f"race_{name}") for name in (
    "check_then_count", "closed_channel", "cut_checkpoint", "early_signal", "flag_then_wait", "lock_order", "lost_wakeup",
    "static_destructor")), test_with_twin("flaky_test", "--gtest_filter=Cache.")]
IN_GO = [with_twin("race_go_ping"), test_with_twin("flaky_go_test", "-test.run=^Test")]
RACES = IN_CPP + (IN_GO if IN_GO[0][0].file.exists() else [])  # there is no Go on some machines


def until_ready(process):
    for line in process.stdout:
        if line == "ready\n":
            return
    raise AssertionError(f"{process.args[0]} ended before it was ready")


def run_once(program):
    """How a plain run of the program ended."""
    with subprocess.Popen([program.file, *program.words[1:]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True) as process:
        hangs = threading.Event()
        limit = threading.Timer(LIMIT, lambda: (hangs.set(), process.kill()))
        limit.start()
        try:
            if program.is_stopped:
                until_ready(process)
                time.sleep(random.uniform(0, LATEST_STOP))
                process.terminate()
            process.stdout.read()
            code = process.wait()
        finally:
            limit.cancel()
    if hangs.is_set():
        return HANG
    return f"is killed by {signal.Signals(-code).name}" if code < 0 else f"exits with {code}"


def share_below(failed, runs, share):
    """P(X <= failed) of a binomial distribution."""
    def log_chance(k):
        ways = math.lgamma(runs + 1) - math.lgamma(k + 1) - math.lgamma(runs - k + 1)
        return ways + k * math.log(share) + (runs - k) * math.log1p(-share)
    return sum(math.exp(log_chance(k)) for k in range(failed + 1))


def where_it_falls(below):
    """The share at which a falling function of it comes below 2.5 %."""
    low, high = 1e-12, 1 - 1e-12
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) > 0.025 else (low, middle)
    return low


@dataclass
class Rate:
    """How often something went wrong, and how; with the interval of Clopper and Pearson at 95 %."""
    ends: Counter = field(default_factory=Counter)

    @property
    def runs(self):
        return self.ends.total()

    @property
    def failed(self):
        return self.runs - self.ends[RIGHT]

    @property
    def percent(self):
        return 100 * self.failed / self.runs

    @property
    def interval(self):
        right = self.runs - self.failed
        least = 0 if self.failed == 0 else 1 - where_it_falls(lambda share: share_below(right, self.runs, share))
        most = 1 if right == 0 else where_it_falls(lambda share: share_below(self.failed, self.runs, share))
        return 100 * least, 100 * most

    def __str__(self):
        least, most = self.interval
        return f"{self.failed} of {self.runs}: {self.percent:.2f} % ({least:.2f} to {most:.2f})"

    def as_json(self):
        return {"runs": self.runs, "failed": self.failed, "percent": round(self.percent, 3),
                "interval": [round(end, 3) for end in self.interval], "ends": dict(self.ends)}


def rate(once, times):
    """How often `once()`, which says how a run ended, did not end with RIGHT."""
    return Rate(Counter(once() for _ in range(times)))


def digest():
    """What tells one build of the programs from another: their bytes."""
    found = hashlib.sha256()
    for file in sorted({program.file for pair in RACES for program in pair}):
        found.update(file.read_bytes())
    return found.hexdigest()[:16]


def main():
    content = evidence.header(COMMAND, digest())
    rates, rows = {}, []
    for pair in RACES:
        if not CHOSEN.search(pair[0].name):
            continue
        wrong, twin = (rate(lambda program=program: run_once(program), RUNS) for program in pair)
        rates |= {pair[0].name: wrong.as_json(), pair[1].name: twin.as_json()}
        ends = ", ".join(end for end in wrong.ends if end != RIGHT)
        rows.append((f"`{pair[0].name}`", wrong, ends, f"{twin.failed} of {twin.runs}"))
        print(*rows[-1], sep=" | ", flush=True)
    markdown = ABOUT + "\n" + evidence.table(["program", "went wrong", "how", "its twin went wrong"], rows)
    evidence.save("races", content | {"plain": rates}, markdown)


if __name__ == "__main__":
    main()
