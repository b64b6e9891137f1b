"""The long run: hundreds of trials of each scenario, every defect, many kills. Writes reports/evidence/spine.json and
.md. Resumable: what the file already holds for the same build is not run again. LASTCALL_SCALE divides the counts."""
import os
import re
import subprocess
import sys
import time

import evidence
from detection.defects_test import table
from servers.servers_test import scenarios
from lastcall_cli import PYTHON, SOURCE, lastcall, temporary_folder

SCALE = int(os.environ.get("LASTCALL_SCALE", "1"))
COMMAND = "ctest --preset release -L long"
# scenario, trials, exit code
CAMPAIGNS = [("reference/stop", 500, 0), ("twin/right", 200, 0),
             *((name, 200, 0) for name in scenarios() if not name.startswith("reference/")),
             ("defects/cut", 100, 1), ("defects/hang", 100, 1), ("defects/exit1", 100, 1)]
KILLS = 50
COUNTS = ("pass", "fail", "unknown", "not_applicable", "judged", "upper_bound")


def campaign(scenario, trials):
    with temporary_folder() as folder:
        run = lastcall("run", SOURCE / "scenarios" / f"{scenario}.toml", "--trials", trials, "--jobs", 2, "--results",
                       f"{folder}/r")
        if run.code not in (0, 1, 3):
            sys.exit(str(run))
        report = run.report
    properties = {p["name"]: {key: p[key] for key in (*COUNTS, "first_reason")} for p in report["scenarios"][0]["properties"]
                  if not p["switched_off"]}
    return {"trials": trials, "seed": report["seed"], "exit_code": run.code, "seconds": round(run.seconds),
            "properties": properties}


def kills(count):
    begin = time.monotonic()
    done = subprocess.run([PYTHON, SOURCE / "tests" / "integration" / "kill_test.py"], capture_output=True, text=True,
                          env={**os.environ, "LASTCALL_KILLS": str(count)})
    ran = re.search(r"Ran (\d+) tests", done.stderr)
    return {"kills": count, "tests": int(ran[1]) if ran else 0, "held": done.returncode == 0,
            "seconds": round(time.monotonic() - begin), "said": "" if done.returncode == 0 else done.stderr[-2000:]}


def markdown(content):
    text = "# The long run\n\nP(failure) bounds are one-sided at 95 %, over the trials that judged the property.\n"
    for scenario, found in content["campaigns"].items():
        text += (f"\n## {scenario}: {found['trials']} trials, exit code {found['exit_code']}, seed {found['seed']}, "
                 f"{found['seconds']} s\n\n")
        rows = [(name, *(counts[key] for key in COUNTS[:-1]),
                 f"≤ {counts['upper_bound'] * 100:.2f} %" if counts["pass"] + counts["fail"] else "", counts["first_reason"])
                for name, counts in found["properties"].items()]
        text += evidence.table(["property", "pass", "fail", "unknown", "n/a", "judged items", "P(failure)", "reason"], rows)
    found = content.get("kills")
    if found:
        text += (f"\n## Kills\n\nlastcall killed at {found['kills']} random moments, a trial process and the fork server once "
                 f"each: {'nothing was left running' if found['held'] else 'FAILED'}, {found['seconds']} s.\n")
    return text


def main():
    content = evidence.load("spine")
    if content.get("build") != evidence.build():
        content = {**evidence.header(COMMAND), "campaigns": {}}
    good = True
    for scenario, trials, code in CAMPAIGNS:
        trials = max(1, trials // SCALE)
        found = content["campaigns"].get(scenario)
        if not found or found["trials"] < trials:
            found = content["campaigns"][scenario] = campaign(scenario, trials)
            evidence.save("spine", content, markdown(content))
        unknown = sum(counts["unknown"] for counts in found["properties"].values())
        good = good and found["exit_code"] == code and unknown == 0
        folder, name = scenario.split("/")
        if folder == "defects":  # caught every time
            good = good and found["properties"][table()[name][0]]["fail"] == found["trials"]
        print(scenario, found["trials"], "trials, exit code", found["exit_code"], flush=True)
    count = max(1, KILLS // SCALE)
    if content.get("kills", {}).get("kills", 0) < count:
        content["kills"] = kills(count)
        evidence.save("spine", content, markdown(content))
    print(content["kills"])
    return 0 if good and content["kills"]["held"] else 1


if __name__ == "__main__":
    sys.exit(main())
