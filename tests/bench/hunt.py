"""What `lastcall hunt` makes of the programs of targets/races/: how long it takes to find each race, of its own choice,
with different seeds; how often the plan fails after `lastcall shrink`; that it is silent about the mended twins. Writes
reports/evidence/hunt.json and .md.

LASTCALL_SEEDS: hunts of each; LASTCALL_TWIN: seconds that the hunt of a twin takes; LASTCALL_TESTS: a regular expression
of programs' names, instead of all."""
import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path

import evidence
from bench.races import CHOSEN, RACES, digest
from lastcall_cli import LASTCALL

SEEDS = int(os.environ.get("LASTCALL_SEEDS", "10"))
TWIN = int(os.environ.get("LASTCALL_TWIN", "600"))
BUDGET = 60  # seconds
TIMES = 50
COMMAND = "ctest --preset release -L bench -R hunt"

ABOUT = f"""# Planted races, hunted

`lastcall hunt` on the programs of `targets/races/`, told only the command and that SIGTERM stops it (nothing of the
tests), with {SEEDS} seeds each and at most {BUDGET} s. *Found after*: from the beginning of the hunt, with its baseline,
to the first failure that came back; median and slowest. *With a log*: trials until then if the hunt is given the output
of one failing run, median and most; a hang leaves no last words to look for. *Shrunk*: the plan of the first seed after `lastcall shrink`, and
how often it failed in {TIMES} runs that were not part of the search. *Without holds*: the same program as often, not held.
*Twin*: failures that a hunt of the mended program reported, in {TWIN} s.
"""


def run(*words):
    """Exit code and, if it printed some, the JSON object."""
    done = subprocess.run([LASTCALL, *map(str, words)], capture_output=True, text=True)
    return done.returncode, json.loads(done.stdout) if done.stdout.startswith("{") else {"problem": done.stderr}


def hunt(program, seed, budget, folder, *options):
    signal = ("--signal", "TERM") if program.is_stopped else ()
    return run("hunt", "--json", "--for", f"{budget}s", "--seed", seed, *signal, *options, "--results", folder, "--", program.file,
               *program.words[1:])[1]


def measured(pair, folder):
    """What hunts, a shrink, a replay and the hunt of the twin said."""
    found = []
    for seed in range(1, SEEDS + 1):
        answer = hunt(pair[0], seed, BUDGET, folder / str(seed))
        found += [one | {"seed": seed} for one in answer.get("findings", [])[:1]]
    result = {"found": found, "seeds": SEEDS}
    if found:
        result["shrunk"] = run("shrink", "--json", folder / str(found[0]["seed"]))[1]
        if found[0]["failure"] != "hang":  # which leaves no last words
            log = folder / str(found[0]["seed"]) / "output.txt"
            result["with_log"] = [one["trials"] for seed in range(1, SEEDS + 1) for one in
                                  hunt(pair[0], seed, BUDGET, folder / "log", "--log", log)["findings"]]
        result["replay"] = run("replay", "--json", "--times", TIMES, folder / str(found[0]["seed"]) / "shrunk")[1]
    twin = hunt(pair[1], 1, TWIN, folder / "twin")
    return result | {"twin": {key: twin.get(key) for key in ("trials", "findings", "unconfirmed", "acted", "took_ms")}}


def with_log(trials):
    return f"{statistics.median(trials):.0f}, {max(trials)}" if trials else ""


def row(name, result):
    times = [one["found_after_ms"] for one in result["found"]]
    trials = [one["trials"] for one in result["found"]]
    replay, twin = result.get("replay", {}), result["twin"]
    alarms = len(twin["findings"] or [])
    return (f"`{name}`", f"{len(times)} of {result['seeds']}",
            f"{statistics.median(times):.0f} ms, {max(times)} ms" if times else "",
            f"{statistics.median(trials):.0f}, {max(trials)}" if trials else "", with_log(result.get("with_log")),
            result.get("shrunk", {}).get("says", ""),
            f"{replay.get('came_back')} of {replay.get('judged')}",
            f"{replay.get('failed_without_holds')} of {replay.get('runs_without_holds')}",
            f"{alarms} in {twin['trials']} trials")


def main():
    content = evidence.header(COMMAND, digest())
    results, rows = {}, []
    for pair in RACES:
        if not CHOSEN.search(pair[0].name):
            continue
        with tempfile.TemporaryDirectory(prefix="lastcall-hunt-") as folder:
            results[pair[0].name] = measured(pair, Path(folder))
        rows.append(row(pair[0].name, results[pair[0].name]))
        print(*rows[-1], sep=" | ", flush=True)
    head = ["program", "found", "found after: median, slowest", "trials: median, most", "with a log", "shrunk", "fails", "without holds",
            "twin"]
    evidence.save("hunt", content | {"hunts": results}, ABOUT + "\n" + evidence.table(head, rows))


if __name__ == "__main__":
    main()
