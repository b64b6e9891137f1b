"""Every one of the first thirty writes, fsyncs and renames in the reference server's state directory: killed or stopped
there, or the call fails or comes later. Each must be reached where it was asked for: a second rule lists all such calls
of the load, on whatever file; those on the state are counted here, by the paths that they name, and the Nth of them, by
the same thread, is the one that was struck. What the server promised must hold. A batch whose write fails is refused
with 507; before the stop that answer, and no other but 201, is expected then. Writes reports/evidence/inject.json and
.md. Resumable; what could not be judged, most often because the machine stalled, is tried again, twice at most.
LASTCALL_SCALE divides the calls."""
import itertools
import os
import re
import sys
from collections import Counter

import evidence
from lastcall_cli import lastcall, scenario, temporary_folder

COMMAND = "ctest --preset release -L long -R long.inject"
CALLS = ("write", "fsync", "rename")
NTH = range(1, 31, int(os.environ.get("LASTCALL_SCALE", "1")))
WHAT = {"kill": 'what = "kill"', "stop": 'what = "stop"', "ENOSPC": 'what = "syscall"\nerror = "ENOSPC"',
        "EIO": 'what = "syscall"\nerror = "EIO"', "delay": 'what = "syscall"\ndelay = "20ms..50ms"'}
ERRORS = ("ENOSPC", "EIO")
JUDGED = ("acked-durable", "checkpoint-intact", "recovers")
SERVER = """trace = true
state = "state"
environment = { APP_SHUTDOWN_TIMEOUT_SECS = "4", APP_CHECKPOINT_INTERVAL_MS = "20" }
[target.recovery]
ask = { url = "http://127.0.0.1:{port}/events" }"""
CLIENTS = """[[clients]]
url = "http://127.0.0.1:{port}/events"
count = 2
pace = "5ms..10ms"
message = '{"id":"{id}","value":42}'
status = 201
"""
INTACT = ('checkpoint-intact = { files = ["state/checkpoint"], command = ["reference_server", "--inspect-checkpoint", '
          '"{file}"] }')
REFUSES = '\nserves = { judge = false, why = "what cannot be written is refused with 507" }'


def text_of(call, nth, what):
    when = f'syscall = "{call}", phase = "load"'
    # The list comes first: it holds nobody up, and sees the call that the fault strikes at.
    faults = (f'[[faults]]\nwhat = "syscall"\ndelay = "1ns"\ncount = 10000\nwhen = {{ {when} }}\n'
              f'[[faults]]\n{WHAT[what]}\nwhen = {{ {when}, role = "state", nth = {nth} }}\n')
    if what not in ("kill", "stop"):
        faults += '[[faults]]\nwhat = "stop"\nwhen = { phase = "load", at = "600ms" }\n'
    return scenario(["reference_server", "--port", "{port}", "--state", "{dir}/state"], environment=SERVER,
                    ready='url = "http://127.0.0.1:{port}/health"', clients=CLIENTS, faults=faults,
                    properties=INTACT + (REFUSES if what in ERRORS else ""))


def is_exact(reached, nth):
    """The call of fault 1 is the Nth on the state that fault 0 lists."""
    at = [i for i, event in enumerate(reached) if event["fault"] == 1]
    if len(at) != 1 or at[0] == 0:
        return False
    listed = [e for e in reached[:at[0]] if e["fault"] == 0 and re.search(r"/target/state[/>\"]", e["call"])]
    struck = reached[at[0]]
    return len(listed) == nth and all(listed[-1][key] == struck[key] for key in ("tid", "call"))


def trial(call, nth, what):
    with temporary_folder() as folder:
        path = f"{folder}/inject.toml"
        with open(path, "w") as file:
            file.write(text_of(call, nth, what))
        run = lastcall("run", path, "--trials", 1, "--keep", "all", "--results", f"{folder}/r")
        if run.code not in (0, 1, 3):
            sys.exit(str(run))
        reached = run.events("syscall_reached")
        struck = [e["call"] for e in reached if e["fault"] == 1]
        before_stop = itertools.takewhile(lambda e: not e.get("stop"), run.events())
        answers = Counter(str(e["status"]) for e in before_stop if e["kind"] == "request_ended" and e["status"])
        verdicts = {v["property"]: v for v in run.trials[0]["result"]["verdicts"]}
    expected = {"201", "507"} if what in ERRORS else {"201"}
    # Only the file's name: the folder is another one each time.
    return {"exit_code": run.code, "call": re.sub(r'/[^ "<>]*/target/', "", struck[0]) if struck else "",
            "exact": is_exact(reached, nth), "answers": answers,
            "judged": {name: verdicts[name]["outcome"] for name in JUDGED},
            "bad": [f"{name}: {v['outcome']}: {v['reason']}" for name, v in verdicts.items()
                    if v["outcome"] in ("fail", "unknown")] +
                   [f"{count} answers {status}" for status, count in answers.items() if status not in expected]}


def wrong(found):
    return not found["exact"] or found["bad"]


def unjudged(found):
    return found["bad"] and all(": unknown: " in bad for bad in found["bad"])


def markdown(content):
    rows = []
    for what in WHAT:
        for call in CALLS:
            some = [f for name, f in content["trials"].items() if name.startswith(f"{what} {call} ")]
            outcomes = [Counter(f["judged"][name] for f in some) for name in JUDGED]
            held = [f"{o['pass']} of {o.total() - o['not-applicable']}" for o in outcomes]
            repeated = sum(f["repeated"] for f in some)
            refused = sum(f["answers"].get("507", 0) for f in some)
            rows.append((what, call, len(some), sum(f["exact"] for f in some), *held, refused, repeated,
                         sum(bool(f["bad"]) for f in some)))
    text = "# Faults at exact system calls of the reference server\n\n" + evidence.table(
        ["fault", "at the entry of", "calls", "struck there", *(f"{name} held" for name in JUDGED), "refused with 507",
         "tried again", "trials with a failure"], rows)
    lines = [f"- {name}: {'; '.join(f['bad']) or 'not at the call asked for'}"
             for name, f in content["trials"].items() if wrong(f)]
    text += ("\n*Held*: in how many of the trials in which there was something to judge; a server that is killed "
             "before it acknowledged anything has nothing to lose. A write to the write-ahead log that fails is a "
             "batch that is refused. *Tried again* is what could not be judged, such as a bound on time while the "
             "machine stalled.\n")
    return text + ("\n" + "\n".join(lines) + "\n" if lines else "")


def main():
    content = evidence.load("inject")
    if content.get("build") != evidence.build():
        content = {**evidence.header(COMMAND), "trials": {}}
    for what in WHAT:
        for call in CALLS:
            for nth in NTH:
                name = f"{what} {call} {nth}"
                found = content["trials"].get(name)
                while not found or (unjudged(found) and found["repeated"] < 2):
                    repeated = found["repeated"] + 1 if found else 0
                    found = {**trial(call, nth, what), "repeated": repeated}
                    content["trials"][name] = found
                    evidence.save("inject", content, markdown(content))
                print(name, found["call"], "WRONG" if wrong(found) else "", *found["bad"], flush=True)
    return 1 if any(wrong(found) for found in content["trials"].values()) else 0


if __name__ == "__main__":
    sys.exit(main())
