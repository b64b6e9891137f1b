"""What lastcall costs: what it adds to a trial, and its trials a second next to a shell script that starts, asks and
stops the same server by hand. Writes reports/evidence/overhead.json and .md.

LASTCALL names the binary; reference_server lies next to it. LASTCALL_TRIALS, LASTCALL_PAIRS: how much is run."""
import os
import statistics
import subprocess
import time
from pathlib import Path

import evidence
from lastcall_cli import LASTCALL, lastcall, temporary_folder

TRIALS = int(os.environ.get("LASTCALL_TRIALS", "200"))
PAIRS = int(os.environ.get("LASTCALL_PAIRS", "7"))
TRIALS_A_RUN = 60
COMMAND = "ctest --preset release -L bench -R overhead"

SCENARIO = """
about = "The smallest trial: one client, an immediate stop"
crowd = "none"
[target]
command = ["reference_server", "--port", "{port}", "--state", "{dir}/state"]
environment = { APP_SHUTDOWN_LAME_DUCK_MS = "0" }
ready = { url = "http://127.0.0.1:{port}/health" }
stop = { signal = "SIGTERM", deadline = "2s" }
[[clients]]
url = "http://127.0.0.1:{port}/health"
[[faults]]
what = "stop"
when = { event = "acknowledged", nth = 1 }
"""

# The same by hand. Each of the two gets ports of its own, below the ephemeral range and above lastcall's.
BY_HAND = r"""
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
one() {
  APP_SHUTDOWN_LAME_DUCK_MS=0 reference_server --port $1 --state $folder/$1 >/dev/null 2>&1 &
  until curl -sf -o /dev/null http://127.0.0.1:$1/health; do sleep 0.01; done
  curl -sf -o /dev/null http://127.0.0.1:$1/health
  kill -TERM $!
  wait $!
}
many() { for ((i = 0; i < $2; i++)); do one $(($1 + i)); done; }
many 9000 $1 & many 9500 $1 & wait
"""


def run_lastcall(folder, trials, jobs):
    path = Path(folder) / "tiny.toml"
    path.write_text(SCENARIO)
    results = Path(folder) / f"r-{time.monotonic_ns()}"
    run = lastcall("run", path, "--trials", trials, "--jobs", jobs, "--keep", "none", "--results", results)
    assert run.code == 0, str(run)
    return run


def seconds_by_hand(trials):
    tools = str(Path(LASTCALL).resolve().parent)
    begin = time.monotonic()
    subprocess.run(["bash", "-c", BY_HAND, "by-hand", str(trials // 2)], check=True,
                   env={**os.environ, "PATH": tools + ":" + os.environ["PATH"]})
    return time.monotonic() - begin


def percentile(values, percent):
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


def main():
    content = evidence.header(COMMAND)
    with temporary_folder() as folder:
        run = run_lastcall(folder, TRIALS, 1)
        overheads = [t["result"]["overhead_ns"] / 1e6 for t in run.trials]
        content["overhead_ms"] = {"trials": TRIALS, "median": round(statistics.median(overheads), 2),
                                  "p95": round(percentile(overheads, 95), 2)}
        pairs = []
        for _ in range(PAIRS):  # alternating, so that what else the machine does hits both
            ours = run_lastcall(folder, TRIALS_A_RUN, 2).report["duration_ns"] / 1e9
            theirs = seconds_by_hand(TRIALS_A_RUN)
            pairs.append({"lastcall": round(TRIALS_A_RUN / ours, 1), "by_hand": round(TRIALS_A_RUN / theirs, 1),
                          "ratio": round(theirs / ours, 3)})
    content["trials_a_second"] = {"jobs": 2, "trials_a_run": TRIALS_A_RUN, "pairs": pairs,
                                  "median_ratio": statistics.median(p["ratio"] for p in pairs)}
    overhead = content["overhead_ms"]
    markdown = (
        "# What lastcall costs\n\n"
        f"What it adds to a trial, neither target nor clients running: median {overhead['median']} ms, 95th percentile "
        f"{overhead['p95']} ms, {TRIALS} trials of one HTTP client and an immediate stop.\n\n"
        f"Trials a second, two at once, {TRIALS_A_RUN} a run, next to a shell script that starts the same server, asks it "
        "with curl until it is ready, once more as a client, and stops it; runs alternate. Median ratio "
        f"{content['trials_a_second']['median_ratio']}; above 1 lastcall is faster.\n\n"
        + evidence.table(["lastcall, trials/s", "by hand, trials/s", "ratio"],
                         [(p["lastcall"], p["by_hand"], p["ratio"]) for p in pairs]))
    evidence.save("overhead", content, markdown)
    print(markdown)


if __name__ == "__main__":
    main()
