"""What it costs to ask the kernel, just before the stop signal, what the target had read of its connections: with 10, 1,000
and 10,000 of them. Writes reports/evidence/snapshot.json and .md.

LASTCALL_CONNECTIONS, LASTCALL_ROUNDS: how much is run."""
import os
import sys

import evidence
from lastcall_cli import PYTHON, SOURCE, lastcall, scenario, temporary_folder
from measured import ROUNDS, median

CONNECTIONS = [int(n) for n in os.environ.get("LASTCALL_CONNECTIONS", "10,1000,10000").split(",")]
COMMAND = "ctest --preset release -L bench -R snapshot"
SERVER = SOURCE / "tests" / "bench" / "holds_connections.py"

ABOUT = """# What the socket snapshot at the stop costs

Just before the signal that begins the stop, lastcall asks the kernel by sock_diag which connections the target had accepted
and how much of each it had read. *ms*: from the question to the signal, what is recorded included, so by how much the stop
comes later: median and worst of the runs. Each connection is a tcp client of one worker that said one line and was answered.
Half of them are stopped by the trial process, at a time, half by the clients' worker, at an event.

"""


def text(count, when):
    clients = ('[[clients]]\nname = "held"\nurl = "tcp://127.0.0.1:{port}"\n'
               f'count = {count}\nramp = "{max(100, count)}ms"\nmessage = "{{id}}\\n"\nack = "{{id}}"\nmessages = 2\npace = "1h"\n')
    return scenario([PYTHON, SERVER, "{port}", count], clients=clients,
                    faults=f'[[faults]]\nwhat = "stop"\nwhen = {{ {when} }}\n',
                    properties='close-handshake = { judge = false, why = "the connections are cut" }',
                    budget='load = "60s"')


def measured(count, when, folder, number):
    path = f"{folder}/s{number}.toml"
    with open(path, "w") as file:
        file.write(text(count, when))
    run = lastcall("run", path, "--trials", 1, "--keep", "all", "--results", f"{folder}/r{number}")
    events = run.events()
    asked = [e for e in events if e["kind"] == "sockets_at_stop"]
    stop = next(e for e in events if e["kind"] == "fault_invoked" and e["stop"])
    assert asked and not any(e["problem"] for e in asked), str(run)
    seen = sum(len(e["connections"].split()) for e in asked)
    assert seen == count, f"{seen} of {count} connections were seen: {run}"
    return {"ms": 1000 * (float(stop["t"]) - float(asked[0]["t"])), "events": len(asked),
            "bytes": sum(len(e["connections"]) for e in asked)}


def main():
    content = evidence.header(COMMAND)
    found = []
    with temporary_folder() as folder:
        number = 0
        for count in CONNECTIONS:
            wheres = {"trial process": f'phase = "load", at = "{max(100, count) + 2 * count // 10 + 500}ms"',
                      "client worker": f'event = "acknowledged", nth = {count}'}
            for who, when in wheres.items():
                runs = []
                for _ in range(ROUNDS):
                    number += 1
                    runs.append(measured(count, when, folder, number))
                found.append({"connections": count, "by": who, "runs": runs})
    rows = [(f["connections"], f["by"], median([r["ms"] for r in f["runs"]]), round(max(r["ms"] for r in f["runs"]), 2),
             f["runs"][0]["events"], f["runs"][0]["bytes"]) for f in found]
    markdown = ABOUT + evidence.table(["connections", "asked by", "ms", "worst", "events", "bytes recorded"], rows)
    evidence.save("snapshot", content | {"rounds": ROUNDS, "found": found}, markdown)
    print(markdown)
    return 0


if __name__ == "__main__":
    sys.exit(main())
