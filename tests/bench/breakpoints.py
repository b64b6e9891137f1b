"""What it costs a thread to come to a place that `lastcall hunt` watches: a function whose first instruction the tracer does
itself, and one whose first instruction the thread has to be stepped over. Writes reports/evidence/breakpoints.json and .md.

LASTCALL_ROUNDS: how often; LASTCALL_CALLS: calls of the function each time."""
import json
import os
import statistics
import subprocess
from pathlib import Path

import evidence
from lastcall_cli import LASTCALL, temporary_folder

ROUNDS = int(os.environ.get("LASTCALL_ROUNDS", "7"))
CALLS = int(os.environ.get("LASTCALL_CALLS", "4000"))
COMMAND = "ctest --preset release -L bench -R breakpoints"
SUBJECT = Path(LASTCALL).resolve().parent / "breakpoint_subject"
KINDS = {"push": "done by the tracer", "lea": "stepped by the thread"}

ABOUT = f"""# What a breakpoint costs

One thread calls a function {CALLS} times, with a breakpoint at its first instruction, below the tracer of `lastcall hunt`,
which has the same processor; median and slowest of {ROUNDS} runs, in microseconds a call. *Done by the tracer*: `push
%rbp`, with which most functions begin, and which the tracer does instead of the thread. *Stepped*: `lea`, which the thread
does itself at another address, in a single step; all instructions were stepped so before the tracer did some.
"""


def offset_of(function):
    lines = subprocess.run(["nm", SUBJECT], capture_output=True, text=True, check=True).stdout.splitlines()
    return next(int(line.split()[0], 16) for line in lines if line.endswith(f" {function}"))


def plan(kind, file):
    """One whose only hold is never reached: its place is watched all the time."""
    function = f"begins_with_{kind}"
    point = {"module": str(SUBJECT), "offset": offset_of(function), "function": function, "within": 0, "kind": "entry"}
    hold = {"point": point, "thread": -1, "thread_name": "", "phase": "run", "nth": 1_000_000_000, "time": "1ms",
            "sends_signal": False}
    return {"kind": "lastcall-hunt-plan", "version": 1, "failure": "", "command": [str(SUBJECT), kind, str(CALLS), str(file)],
            "directory": "/", "environment": [], "signal": "none", "ready": "", "signal_after": "0ms", "holds": [hold],
            "exit_barrier": False, "build_ids": {}, "usual_ends": ["exit code 0"], "armed": []}


def measured(kind):
    """Nanoseconds a call, of each run: without a breakpoint, and with one."""
    with temporary_folder() as folder:
        file, path = Path(folder) / "took", Path(folder) / "plan.json"
        path.write_text(json.dumps(plan(kind, file)))
        done = subprocess.run([LASTCALL, "replay", path, "--times", str(ROUNDS), "--trust", "--json"], capture_output=True,
                              text=True)
        answer = json.loads(done.stdout)
        assert answer["not_reached"] == ROUNDS and not answer["failures"], answer
        took = [int(line) for line in file.read_text().split()]
    return {"without": took[:ROUNDS], "with": took[-ROUNDS:]}


def main():
    content = {**evidence.header(COMMAND), "calls": CALLS, "instructions": {kind: measured(kind) for kind in KINDS}}
    rows = []
    for kind, found in content["instructions"].items():
        micros = [one / 1000 for one in found["with"]]
        rows.append((f"`{kind}`, {KINDS[kind]}", f"{statistics.median(micros):.1f}", f"{max(micros):.1f}",
                     f"{statistics.median(found['without']) / 1000:.3f}"))
    markdown = ABOUT + "\n" + evidence.table(["first instruction", "median", "slowest", "without a breakpoint"], rows)
    evidence.save("breakpoints", content, markdown)
    print(markdown)


if __name__ == "__main__":
    main()
