"""What it takes to put 16 stores together: of 100, 1,000 and 10,000 trials each. Then what reading the merged store takes, for
a report and for the gate. Exits 1 if it grows faster than the number of trials. Writes reports/evidence/stores.json and .md.

LASTCALL_TRIALS: how many trials each store has, separated by commas."""
import os
import sys
import tempfile
from pathlib import Path
import subprocess

import evidence
from lastcall_cli import LASTCALL
from measured import TOOLS

SHARDS = 16
TRIALS = [int(n) for n in os.environ.get("LASTCALL_TRIALS", "100,1000,10000").split(",")]
COMMAND = "ctest --preset release -L bench -R stores"
MOST_GROWTH = 2  # of the time a trial, from the second size to the last
POLICY = '[gate]\nfails_at_most = "5 %"\n'

ABOUT = f"""# What a store costs

{SHARDS} stores, each with its part of a campaign, are merged, and the merged store is read. A trial has 20 verdicts; one in 50
fails and has its plan in the store. Processor seconds, trials a second of a processor, and the most memory.

"""


def run(codes, *words):
    """Processor seconds and the most memory in MiB of one lastcall."""
    child = subprocess.Popen(list(map(str, words)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode in codes, f"exit {child.returncode}: {words}: {said[-500:]}"
    return {"seconds": round(usage.ru_utime + usage.ru_stime, 3), "mib": usage.ru_maxrss // 1024}


def measured(trials):
    with tempfile.TemporaryDirectory(dir=os.environ.get("LASTCALL_BUILD")) as folder:
        place = Path(folder)
        stores = [place / f"part-{shard}.sqlite" for shard in range(1, SHARDS + 1)]
        begin = [run({0}, TOOLS / "store_cost", store, shard, SHARDS, trials * SHARDS) for shard, store in enumerate(stores, 1)]
        (place / "gate.toml").write_text(POLICY)
        merged, all_trials = place / "merged", trials * SHARDS
        steps = {"write one store": {**begin[0], "trials": trials},
                 "merge": {**run({1}, LASTCALL, "merge", *stores, "--results", merged), "trials": all_trials},
                 "report": {**run({0}, LASTCALL, "report", merged / "results.sqlite", "--format", "json"), "trials": all_trials},
                 "gate": {**run({0, 1, 3}, LASTCALL, "gate", merged, "--policy", place / "gate.toml"), "trials": all_trials}}
        return {"trials": trials, "mb": round((merged / "results.sqlite").stat().st_size / 1e6, 1), "steps": steps}


def main():
    content = evidence.header(COMMAND)
    runs = [measured(trials) for trials in TRIALS]
    rows = [(f"{SHARDS} × {one['trials']:,}", name, step["seconds"], f"{step['trials'] / max(step['seconds'], 1e-3):,.0f}", step["mib"])
            for one in runs for name, step in one["steps"].items()]
    markdown = ABOUT + evidence.table(["trials", "step", "s", "trials a second", "MiB"], rows)
    wrong = []
    if len(runs) > 2:
        for name, step in runs[-1]["steps"].items():
            before = runs[1]["steps"][name]
            grown = (step["seconds"] / step["trials"]) / (before["seconds"] / before["trials"])
            if grown > MOST_GROWTH:
                wrong.append(f"{name}: a trial takes {grown:.1f} times as long as in {SHARDS} stores of {runs[1]['trials']:,}")
    markdown += f"\nThe merged store of {SHARDS} × {runs[-1]['trials']:,} trials has {runs[-1]['mb']} MB.\n"
    evidence.save("stores", content | {"runs": runs, "wrong": wrong}, markdown)
    print(markdown, *wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
