"""What it takes to read, judge and export a history, from ten thousand events to ten million: events a second, memory, and
that both grow as the number of events does. Exits 1 if one grows faster. Writes reports/evidence/histories.json and .md.

LASTCALL_EVENTS: how many events, separated by commas."""
import json
import os
import subprocess
import sys
import tempfile

import evidence
from measured import TOOLS

EVENTS = [int(n) for n in os.environ.get("LASTCALL_EVENTS", "10000,100000,1000000,10000000").split(",")]
COMMAND = "ctest --preset release -L bench -R histories"
# A step may take this much more of a processor for each event than with the fewest events that it is compared with: more
# memory than the processor's caches hold is slower, and other programs run.
MOST_GROWTH = 3
# Below that the time is of what does not depend on the number of events.
LEAST_COMPARED = 100_000

ABOUT = """# What a history costs

A trial of a server that stops as it should, with clients that speak HTTP and WebSocket: each connection has some 500 events,
each tenth request is a line in the target's output, the kernel's list has every connection. It is recorded as nine segments,
read and merged, judged by every property of a scenario with a restart, and exported: *page* is its part of report.html,
which has at most 600,000 events; *show* is its story for the terminal; *trace* the file for Perfetto, as one text.

Millions of events a second of a processor:

"""
MEMORY = """
The most memory that lastcall takes at each step, the history included, in MiB; *a history* is what it takes itself, in bytes
for each event:

"""
GROWTH = """
How much more of a processor an event takes in the longest history than in one of {least:,} events (at most {most:g}), and
how much more memory at the peak of the step:

"""


def measured(events):
    # On a disk: a folder in memory would count twice.
    with tempfile.TemporaryDirectory(dir=os.environ.get("LASTCALL_BUILD")) as folder:
        done = subprocess.run([TOOLS / "history_cost", str(events), folder], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def rate(run, step):
    return run["events"] / max(1e-9, step["seconds"]) / 1e6


def memory_of_history(run):
    """Bytes an event: what is resident as it is judged, less what was as it was read."""
    steps = {step["step"]: step for step in run["steps"]}
    return 1024 * (steps["judge"]["before_kib"] - steps["read"]["before_kib"]) / run["events"]


def growth(runs):
    """By step: of time and of memory an event, the longest history over the first that is long enough to compare."""
    first = next(run for run in runs if run["events"] >= LEAST_COMPARED * 0.9)
    last, found = runs[-1], {}
    idle = min(step["before_kib"] for step in first["steps"])
    for one, other in zip(first["steps"], last["steps"], strict=True):
        seconds = (other["seconds"] / last["events"]) / (one["seconds"] / first["events"])
        memory = ((other["peak_kib"] - idle) / last["events"]) / ((one["peak_kib"] - idle) / first["events"])
        found[one["step"]] = {"seconds": round(seconds, 2), "memory": round(memory, 2)}
    return found


def main():
    content = evidence.header(COMMAND)
    runs = [measured(events) for events in EVENTS]
    names = [step["step"] for step in runs[0]["steps"]]
    rates = [(f"{run['events']:,}", f"{run['connections']:,}", *(f"{rate(run, step):.2f}" for step in run["steps"])) for run in runs]
    memory = [(f"{run['events']:,}", f"{memory_of_history(run):.0f}", *(f"{step['peak_kib'] / 1024:.0f}" for step in run["steps"]))
              for run in runs]
    markdown = (ABOUT + evidence.table(["events", "connections", *names], rates) +
                MEMORY + evidence.table(["events", "a history", *names], memory))
    wrong = []
    if runs[-1]["events"] > LEAST_COMPARED:
        grown = growth(runs)
        content["growth"] = grown
        markdown += GROWTH.format(least=LEAST_COMPARED, most=MOST_GROWTH) + evidence.table(
            ["", *names], [("time", *(grown[name]["seconds"] for name in names)), ("memory", *(grown[name]["memory"] for name in names))])
        wrong = [f"{name}: {by['seconds']} times the time, {by['memory']} times the memory for each event"
                 for name, by in grown.items() if max(by.values()) > MOST_GROWTH]
    sizes = {step["step"]: step["bytes"] for step in runs[-1]["steps"] if step["bytes"] > 0}
    markdown += f"\nOf {runs[-1]['events']:,} events: " + ", ".join(
        f"{'segments' if name == 'record' else name} {size / 1e6:,.1f} MB" for name, size in sizes.items() if size > 1e6) + ".\n"
    evidence.save("histories", content | {"runs": runs, "wrong": wrong}, markdown)
    print(markdown, *wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
