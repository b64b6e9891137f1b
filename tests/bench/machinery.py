"""What the machinery of a stop costs a server that only serves: the reference server next to the same server without it,
and the library alone in an empty program. Exits 1 if a bound is not kept. Writes reports/evidence/machinery.json and .md.

LASTCALL_ROUNDS, LASTCALL_SECONDS, LASTCALL_STARTS: how much is run, and how long each processor share is measured."""
import os
import subprocess
import sys
import time

import evidence
from lastcall_cli import temporary_folder
from measured import ROUNDS, SECONDS, Certificate, Clients, Measured, ServiceManager, median, port, with_tls

STARTS = int(os.environ.get("LASTCALL_STARTS", "20"))
CONNECTIONS = 1000
COMMAND = "ctest --preset release -L bench -R machinery"
HELD = f"with {CONNECTIONS} idle WSS"
BOUNDS = {"processor, %": 1, f"{HELD}: processor, %": 1, "memory, kB": 1000, "start-up, ms": 100}
SETTLED = 1  # seconds after which a server that started, or took on its clients, only waits
WATCHDOG_USEC = 10_000_000  # as reference_server.service has it

ABOUT = f"""# What the machinery costs

A server that only serves, with the machinery of its stop and without it, in alternating runs; medians, and the bound on
the difference.

*With*: reference_server, a service manager's socket and its WATCHDOG_USEC in its environment, checkpoints every 5 s,
everything else as by default. *Without*: bare_server, made of the same parts and serving the same endpoints, without
signal handling, coordinator, connection tracking, resources, checkpoints, watchdog and service notifier. What is left in
it: the set of sessions, which the limit of connections needs; in each session the place where its guard would be, empty;
and what each connection knows about closing in order.

Processor time over {SECONDS:g} s, no ping among them. Start-up is from exec to the first answer of /health. Memory is Rss;
with connections the layout of the heap decides over a megabyte in either direction, so there it is shown, not judged. What
the tracker needs for {CONNECTIONS} connections is among the memory of the library alone.
"""


def serve_and_measure(program, folder, certificate, environment, found):
    plain, tls = port(), port()
    with Measured(with_tls(program, certificate, folder, plain, tls), environment) as server:
        server.until_answers(plain)
        time.sleep(SETTLED)
        found.setdefault("memory, kB", []).append(server.kilobytes())
        found.setdefault("processor, %", []).append(server.percent_of_a_processor(SECONDS))
        with Clients(tls, "/staff", CONNECTIONS):
            time.sleep(SETTLED)
            found.setdefault(f"{HELD}: memory, kB", []).append(server.kilobytes())
            found.setdefault(f"{HELD}: processor, %", []).append(server.percent_of_a_processor(SECONDS))


def start_up(program, folder, certificate, environment, found):
    plain, tls = port(), port()
    with Measured(with_tls(program, certificate, folder, plain, tls), environment) as server:
        found.setdefault("start-up, ms", []).append(1000 * server.until_answers(plain))


def library_alone(how, folder, environment, found):
    with Measured(["library_cost", how, folder], environment, stdout=subprocess.PIPE) as program:
        found.setdefault("start-up, ms", []).append(float(program.process.stdout.readline()))
        time.sleep(SETTLED)
        found.setdefault("memory, kB", []).append(program.kilobytes())
        found.setdefault("processor, %", []).append(program.percent_of_a_processor(SECONDS))


def compared(found_with, found_without):
    rows = []
    for what in sorted(found_with):
        ours, theirs = median(found_with[what], 3), median(found_without[what], 3)
        row = {"what": what, "with": ours, "without": theirs, "difference": round(ours - theirs, 3)}
        if what in BOUNDS:
            row |= {"bound": BOUNDS[what], "kept": ours - theirs < BOUNDS[what]}
        rows.append(row)
    return rows


def table(rows):
    return evidence.table(["", "with", "without", "difference", "bound", "kept"],
                          [(r["what"], r["with"], r["without"], r["difference"], r.get("bound", ""),
                            {True: "yes", False: "NO", None: ""}[r.get("kept")]) for r in rows])


def main():
    content = evidence.header(COMMAND)
    server = {"reference_server": {}, "bare_server": {}}
    library = {"with": {}, "without": {}}
    with temporary_folder() as folder:
        certificate, manager = Certificate(folder), ServiceManager(folder)
        environment = {"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": str(WATCHDOG_USEC)}
        for _ in range(STARTS):
            for program, found in server.items():
                start_up(program, folder, certificate, environment, found)
        for _ in range(ROUNDS):
            beats = manager.beats
            for program, found in server.items():
                serve_and_measure(program, folder, certificate, environment, found)
            assert manager.beats > beats, "no heartbeat came"
            for how, found in library.items():
                library_alone(how, folder, environment, found)
    content["rounds"], content["starts"], content["seconds"] = ROUNDS, STARTS, SECONDS
    content["server"] = compared(*server.values())
    content["library"] = compared(*library.values())
    markdown = (ABOUT + "\n" + table(content["server"]) +
                "\nThe library alone in a program with an empty event loop, a checkpoint four times and a heartbeat twenty "
                f"times a second, and {CONNECTIONS} guards of connections:\n\n" + table(content["library"]))
    evidence.save("machinery", content, markdown)
    print(markdown)
    return 0 if all(row.get("kept", True) for row in content["server"] + content["library"]) else 1


if __name__ == "__main__":
    sys.exit(main())
