"""How long a stop takes, from SIGTERM to exit, by the number of idle WSS connections: the reference server next to the
least that closing them costs. Writes reports/evidence/stop_time.json and .md.

LASTCALL_CONNECTIONS, LASTCALL_ROUNDS: how much is run."""
import os

import evidence
from lastcall_cli import temporary_folder
from measured import ROUNDS, Certificate, Clients, Measured, median, port, with_tls

CONNECTIONS = [int(n) for n in os.environ.get("LASTCALL_CONNECTIONS", "0,100,1000,5000").split(",")]
COMMAND = "ctest --preset release -L bench -R stop_time"
NAMES = REFERENCE, HANDSHAKES, SEND = "reference_server", "minimal, handshakes", "minimal, send"

ABOUT = """# How long a stop takes

By the number of idle WSS connections, in alternating runs; medians.

*reference_server*: with APP_SHUTDOWN_LAME_DUCK_MS=0, so that nothing waits for a load balancer; its stop also writes and
syncs a checkpoint and closes its database. *Minimal, handshakes*: minimal_server, a Beast program on one thread without
anything else, closes every connection as the protocols want it: Close, the peer's Close, close_notify, the peer's.
*Minimal, send*: it sends Close, close_notify and FIN to each and ends, waiting for nobody: what it costs at the very least.

The clients are the same for all, on the same machine: one thread that answers at once. *In order*: how many of them saw
Close 1001 and close_notify and could answer them, in the worst run of each of the three.
"""


def started(name, folder, certificate, tls):
    if name == REFERENCE:
        plain = port()
        server = Measured(with_tls(REFERENCE, certificate, folder, plain, tls), {"APP_SHUTDOWN_LAME_DUCK_MS": "0"})
        server.until_answers(plain)
    else:
        server = Measured(["minimal_server", tls, certificate.file, certificate.key, name.split()[-1]])
        server.until_answers(tls_port=tls)
    return server


def stop_once(name, folder, certificate, count):
    tls = port()
    with started(name, folder, certificate, tls) as server:
        if count == 0:
            return server.stop() | {"in_order": 0}
        with Clients(tls, "/staff", count) as clients:
            return server.stop() | {"in_order": clients.next()["in_order"]}


def main():
    content = evidence.header(COMMAND)
    stops = []
    with temporary_folder() as folder:
        certificate = Certificate(folder)
        for count in CONNECTIONS:
            runs = {name: [] for name in NAMES}
            for _ in range(ROUNDS):
                for name, found in runs.items():
                    found.append(stop_once(name, folder, certificate, count))
            stops.append({"connections": count, "runs": runs})
    content |= {"rounds": ROUNDS, "stops": stops}
    markdown = ABOUT + "".join("\n" + table(stops, what, about) for what, about in (
        ("ms", "From SIGTERM to exit, ms:"), ("processor_ms", "Processor time of the server meanwhile, ms:")))
    evidence.save("stop_time", content, markdown)
    print(markdown)


def table(stops, what, about):
    rows = []
    for stop in stops:
        ms = {name: median([run[what] for run in stop["runs"][name]], 1) for name in NAMES}
        in_order = [str(min(run["in_order"] for run in stop["runs"][name])) for name in NAMES]
        rows.append((stop["connections"], ms[REFERENCE], ms[HANDSHAKES], round(ms[REFERENCE] / ms[HANDSHAKES], 2), ms[SEND],
                     round(ms[REFERENCE] / ms[SEND], 2), ", ".join(in_order)))
    return about + "\n\n" + evidence.table(["connections", REFERENCE, HANDSHAKES, "ratio", SEND, "ratio", "in order"], rows)


if __name__ == "__main__":
    main()
