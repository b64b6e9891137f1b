"""With every processor kept busy from outside no good server may fail: what lastcall cannot tell apart is `unknown`.
Writes reports/evidence/busy.json and .md. LASTCALL_SCALE divides the counts."""
import contextlib
import os
import signal
import subprocess
import sys

import evidence
from lastcall_cli import PYTHON, SOURCE, lastcall, temporary_folder

TRIALS = 200 // int(os.environ.get("LASTCALL_SCALE", "1"))
COMMAND = "ctest --preset release -L long -R busy"
SCENARIOS = ("reference/stop", "nginx/graceful", "ws/stop", "twin/right")
COUNTS = ("pass", "fail", "unknown", "not_applicable", "judged")


@contextlib.contextmanager
def busy_processors():
    """One endless loop a processor, in one session of their own, as from another terminal: where the kernel shares
    processors out by session (sched(7), autogroup), what runs alongside them has half of each."""
    forks = f"import os; any(os.fork() == 0 for _ in range({os.cpu_count() - 1}))"
    hogs = subprocess.Popen([PYTHON, "-c", f"{forks}\nwhile True: pass"], start_new_session=True)
    try:
        yield
    finally:
        os.killpg(hogs.pid, signal.SIGKILL)
        hogs.wait()


def campaign(scenario):
    with temporary_folder() as folder:
        run = lastcall("run", SOURCE / "scenarios" / f"{scenario}.toml", "--trials", TRIALS, "--jobs", 2, "--keep", "none",
                       "--results", f"{folder}/r")
        if run.code not in (0, 1, 3):
            sys.exit(str(run))
        properties = run.report["scenarios"][0]["properties"]
    return {p["name"]: {key: p[key] for key in (*COUNTS, "first_reason")} for p in properties if not p["switched_off"]}


def markdown(content):
    text = f"# Busy processors\n\n{TRIALS} trials each beside one endless loop a processor.\n"
    for scenario, found in content["scenarios"].items():
        rows = [(name, *(counts[key] for key in COUNTS), counts["first_reason"]) for name, counts in found.items()]
        text += f"\n## {scenario}\n\n" + evidence.table(["property", *COUNTS, "reason"], rows)
    return text


def main():
    content = {**evidence.header(COMMAND), "scenarios": {}}
    failed = 0
    for scenario in sys.argv[1:] or SCENARIOS:
        with busy_processors():
            found = content["scenarios"][scenario] = campaign(scenario)
        evidence.save("busy", content, markdown(content))
        failed += sum(counts["fail"] for counts in found.values())
        print(scenario, {name: counts for name, counts in found.items() if counts["fail"] or counts["unknown"]}, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
