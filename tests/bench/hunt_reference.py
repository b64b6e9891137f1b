"""What `lastcall hunt SCENARIO` makes of the reference server with two of its planted races, with a hundred connections: how
long it takes to find each, with different seeds, what `lastcall shrink` leaves of the plan, and that it is silent about the
mended server. Also how many trials a second the sweep makes, and in what share of them the hold was reached. Writes
reports/evidence/hunt_reference.json and .md.

LASTCALL_SEEDS: hunts of each; LASTCALL_BUDGET: seconds that each takes at most; LASTCALL_TWIN: seconds that the hunt of a
mended one takes; LASTCALL_CLIENTS: connections; LASTCALL_TESTS: a regular expression of defects' names, instead of all."""
import os
import re
import tempfile
from pathlib import Path

import evidence
from bench.hunt import run

SEEDS = int(os.environ.get("LASTCALL_SEEDS", "4"))
BUDGET = int(os.environ.get("LASTCALL_BUDGET", "300"))
TWIN = int(os.environ.get("LASTCALL_TWIN", "300"))
CLIENTS = int(os.environ.get("LASTCALL_CLIENTS", "100"))
CHOSEN = re.compile(os.environ.get("LASTCALL_TESTS", ""))
TIMES = 20
COMMAND = "ctest --preset release -L bench -R hunt_reference"
# The first and the fourth mistake of the originals.
DEFECTS = ("racing-pings", "racing-jobs")

ABOUT = f"""# Races of the reference server, hunted

`lastcall hunt` in the reference server with a planted race (`targets/defects/racy_parts.cpp`), {CLIENTS} WebSocket
connections at work, {SEEDS} seeds each, at most {BUDGET} s. *Found after*: of each seed, from the beginning of the hunt, with
its baseline and its calibration, to the first failure that came back. *Shrunk*: the plan of the first seed that found one
after `lastcall shrink`, and how often it failed in {TIMES} trials; *without holds*: how often the plan of the hunt did.
*Trials a second* and *holds reached* are of the sweeps of all these hunts. *Mended*: failures that a hunt of the server
without the race reported, in {TWIN} s.
"""


def scenario(defect, clients=CLIENTS):
    """Without the time in which /health says 503 and the listener is still there, during which nothing is closed."""
    words = ["defective_server", "--defect", defect, "--port", "{port}", "--state", "{dir}/state"]
    command = ", ".join(f'"{word}"' for word in words)
    return f"""about = "The reference server with a race"
crowd = "none"
[target]
command = [{command}]
environment = {{ APP_SHUTDOWN_TIMEOUT_SECS = "8", APP_SHUTDOWN_LAME_DUCK_MS = "0" }}
ready = {{ url = "http://127.0.0.1:{{port}}/health" }}
stop = {{ signal = "SIGTERM", deadline = "10s", exit = 0 }}
[[clients]]
name = "charge points"
url = "ws://127.0.0.1:{{port}}/ocpp/cp-{{client}}"
count = {clients}
ramp = "200ms"
pace = "20ms..100ms"
talk = "charge-point"
[[faults]]
what = "stop"
when = {{ phase = "load", at = "400ms..600ms" }}
[properties]
close-handshake = {{ codes = [1001] }}
[budget]
load = "5s"
"""


def hunt(defect, seed, budget, folder):
    file = folder / f"{defect}.toml"
    file.write_text(scenario(defect))
    return run("hunt", file, "--json", "--for", f"{budget}s", "--seed", seed, "--results", folder / f"{defect}-{seed}")[1]


def measured(defect, folder):
    hunts = [hunt(defect, seed, BUDGET, folder) for seed in range(1, SEEDS + 1)]
    found = [one["findings"][0] for one in hunts if one.get("findings")]
    result = {"hunts": hunts, "found": found}
    if found:
        result["shrunk"] = run("shrink", found[0]["folder"], "--json", "--times", TIMES)[1]
    return result | {"twin": hunt(f"{defect}-fixed", 1, TWIN, folder)}


def sweep(hunts):
    """Trials a second, and the share of holds that were reached, in percent."""
    searches = [one["searches"].get("sweep", {}) for one in hunts if "searches" in one]
    seconds = sum(one["took_ms"] for one in hunts if "took_ms" in one) / 1000
    trials = sum(one["trials"] for one in hunts if "trials" in one)
    planned, reached = (sum(one.get(key, 0) for one in searches) for key in ("holds_planned", "holds_reached"))
    return (f"{trials / seconds:.2f}" if seconds else "", f"{100 * reached / planned:.0f} %" if planned else "")


def row(defect, result):
    shrunk, twin = result.get("shrunk", {}), result["twin"]
    first = result["found"][0] if result["found"] else {}
    return (f"`{defect}`", f"{len(result['found'])} of {SEEDS}",
            ", ".join(f"{one['found_after_ms'] / 1000:.0f} s" for one in result["found"]), shrunk.get("says", ""),
            f"{shrunk.get('failed')} of {shrunk.get('runs')}",
            f"{first.get('failed_without_holds')} of {first.get('runs_without_holds')}", *sweep(result["hunts"]),
            f"{len(twin.get('findings', []))} in {twin.get('trials')} trials")


def main():
    content = evidence.header(COMMAND)
    results, rows = {}, []
    for defect in filter(CHOSEN.search, DEFECTS):
        with tempfile.TemporaryDirectory(prefix="lastcall-hunt-") as folder:
            results[defect] = measured(defect, Path(folder))
        rows.append(row(defect, results[defect]))
        print(*rows[-1], sep=" | ", flush=True)
    head = ["defect", "found", "found after", "shrunk", "fails", "without holds", "trials a second", "holds reached", "mended"]
    evidence.save("hunt_reference", content | {"defects": results}, ABOUT + "\n" + evidence.table(head, rows))


if __name__ == "__main__":
    main()
