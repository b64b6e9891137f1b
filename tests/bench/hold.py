"""What holding thousands of WSS connections costs: memory a connection, messages a second, the reference server next to a
minimal echo server. Writes reports/evidence/hold.json and .md.

LASTCALL_HELD, LASTCALL_ROUNDS, LASTCALL_SECONDS: how much is run, and how long each kind of message is measured."""
import os
import time

import evidence
from lastcall_cli import temporary_folder
from measured import ROUNDS, SECONDS, Certificate, Clients, Measured, median, port, with_tls

HELD = int(os.environ.get("LASTCALL_HELD", "5000"))
COMMAND = "ctest --preset release -L bench -R hold"
SETTLED = 1  # seconds
# The first is answered from memory by both; what the second says is in the database before it is acknowledged.
INIT = '{"type":"init","user":"somebody"}'
STORED = '{"type":"message","id":"{id}","text":"somebody said something"}'
REFERENCE, MINIMAL = "reference_server", "minimal_server"

ABOUT = f"""# What holding {HELD} connections costs

{HELD} idle WSS connections, then each of them sending a message, waiting for its answer and sending the next; alternating
runs, medians.

*reference_server*, as by default, answers `init` on /staff, which passes all five stages of its pipeline and is answered
without the disk. *minimal_server*, a Beast program on one thread as well, sends the same message back. *Stored* is a
message of /staff that the reference server acknowledges once it is in its database, with synchronous=FULL; the minimal
one just sends it back.

Memory is the growth of Rss a connection. The clients are the same for both: one process with one thread. Where its share
of a processor comes near 100 %, it is the clients that are measured, not the server; where the server waited for a
processor, others had the machine. The server's processor time a message depends on neither.
"""


def one_round(server, clients, message, expected):
    def used():
        return server.processor_seconds(), clients.processor_seconds(), server.waited_seconds()

    before = used()
    result = clients.round(SECONDS, message)
    assert expected in result["answer"], result["answer"]
    served, asked, waited = (now - then for now, then in zip(used(), before))
    seconds, messages = result["seconds"], result["messages"]
    return {"messages_s": messages / seconds, "us_a_message": 1e6 * served / messages,
            "server_percent": 100 * served / seconds, "waited_percent": 100 * waited / seconds,
            "clients_percent": 100 * asked / seconds}


def hold_once(name, folder, certificate):
    plain, tls = port(), port()
    words = (with_tls(name, certificate, folder, plain, tls) if name == REFERENCE else
             [name, tls, certificate.file, certificate.key, "handshakes"])
    with Measured(words) as server:
        server.until_answers(*((plain, None) if name == REFERENCE else (None, tls)))
        time.sleep(SETTLED)
        before = server.kilobytes()
        with Clients(tls, "/staff", HELD) as clients:
            time.sleep(SETTLED)
            found = {"kB": (server.kilobytes() - before) / HELD,
                     "connect_s": clients.connected["seconds"],
                     "init": one_round(server, clients, INIT, '"init"'),
                     "stored": one_round(server, clients, STORED, '"ack"' if name == REFERENCE else '"message"')}
            server.stop()
    return found


def main():
    content = evidence.header(COMMAND)
    runs = {REFERENCE: [], MINIMAL: []}
    with temporary_folder() as folder:
        certificate = Certificate(folder)
        for _ in range(ROUNDS):
            for name, found in runs.items():
                found.append(hold_once(name, folder, certificate))

    def row(what, pick):
        ours, theirs = (median([pick(f) for f in runs[name]], 1) for name in (REFERENCE, MINIMAL))
        ratio = "" if "%" in what else round(ours / theirs, 2)
        return {"what": what, REFERENCE: ours, MINIMAL: theirs, "ratio": ratio}

    rows = [row("memory a connection, kB", lambda f: f["kB"]),
            row("all connected after, s", lambda f: f["connect_s"])]
    for kind in ("init", "stored"):
        rows += [row(f"{kind}: messages/s", lambda f: f[kind]["messages_s"]),
                 row(f"{kind}: processor time a message, µs", lambda f: f[kind]["us_a_message"]),
                 row(f"{kind}: server, % of a processor", lambda f: f[kind]["server_percent"]),
                 row(f"{kind}: server waited for a processor, % of the time", lambda f: f[kind]["waited_percent"]),
                 row(f"{kind}: clients, % of a processor", lambda f: f[kind]["clients_percent"])]
    content |= {"held": HELD, "rounds": ROUNDS, "seconds": SECONDS, "medians": rows, "runs": runs}
    markdown = ABOUT + "\n" + evidence.table(["", REFERENCE, MINIMAL, "ratio"],
                                             [(r["what"], r[REFERENCE], r[MINIMAL], r["ratio"]) for r in rows])
    evidence.save("hold", content, markdown)
    print(markdown)


if __name__ == "__main__":
    main()
