"""The long run: hundreds of trials of each scenario, every defect, many kills of lastcall itself; reference.py is the same
for the reference server. Writes reports/evidence/long.json and .md, and the table of scenarios/README.md. Resumable: what
the file already holds for the same build and scenario is not run again, whatever it says; each entry says its build.
LASTCALL_SCALE divides the counts. Words on the command line: only scenarios and defects of these names."""
import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import evidence
from detection import catalogue, twin_test
from servers.servers_test import REFERENCE, SLOW, scenarios
from lastcall_cli import KEPT, PYTHON, SOURCE, lastcall, temporary_folder

SCALE = int(os.environ.get("LASTCALL_SCALE", "1"))
COMMAND = "ctest --preset release -L long -R ^long$"
KEEP = 200       # trials of a server that keeps its promises
PLANTED = 20     # trials of each planted defect
KILLS = 50
COUNTS = ("pass", "fail", "unknown", "not_applicable", "judged", "upper_bound")
CAMPAIGN_LIMIT = 3600
README = SOURCE / "scenarios" / "README.md"
BEGIN, END = "<!-- counts: written by tests/servers/long.py -->", "<!-- end of counts -->"


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def campaign(path, trials, jobs=2, keep=None):
    """`keep`: where the results of a campaign that did not hold stay."""
    with temporary_folder() as folder:
        run = lastcall("run", path, "--trials", trials, "--jobs", jobs, "--keep", "failed" if keep else "none", "--results",
                       f"{folder}/r", limit=CAMPAIGN_LIMIT)
        if run.code not in (0, 1, 3):
            sys.exit(str(run))
        report = run.report
        if keep and run.code:
            run.keep(keep)
    properties = {p["name"]: {"switched_off": True} if p["switched_off"] else
                  {key: p[key] for key in (*COUNTS, "first_reason")} for p in report["scenarios"][0]["properties"]}
    return {"trials": trials, "seed": report["seed"], "exit_code": run.code, "seconds": round(run.seconds),
            "properties": properties}


@contextlib.contextmanager
def with_target(source, line):
    """A copy of the scenario, with a line more in [target], in a tree that has the targets where the source tree has
    them: scenarios name them by their own place."""
    with temporary_folder() as folder:
        here = Path(folder) / "scenarios" / source.parent.name
        shutil.copytree(source.parent, here)
        (Path(folder) / "targets").symlink_to(SOURCE / "targets")
        path = here / source.name
        text = path.read_text()
        assert text.count("\n[target]\n") == 1, source
        path.write_text(text.replace("\n[target]\n", f"\n[target]\n{line}\n"))
        yield path


def untraced(source):
    return with_target(source, "trace = false")


def planted():
    """name -> (how to lay its scenario out in a folder, the property that must catch it)"""
    for name, defect in catalogue.table(catalogue.FIRST).items():
        yield f"defects/{name}", lambda folder, name=name: SOURCE / "scenarios" / "defects" / f"{name}.toml", defect.must
    for name, defect in catalogue.table(catalogue.TWIN).items():
        yield f"twin/{name}", lambda folder, name=name: twin_test.scenario_with(name, folder), defect.must


def judged(found):
    return {name: p for name, p in found["properties"].items() if not p.get("switched_off")}


def bad(found):
    """What failed or was unknown, in words."""
    return [f"{name}: {p[how]} {how}" for name, p in judged(found).items() for how in ("fail", "unknown") if p[how]]


def caught(found, must):
    """In every trial that exercised it, and in most of all; prompt-exit is judged by the share of late trials."""
    p = found["properties"][must]
    if must == "prompt-exit":
        return p["fail"] > found["trials"] / 4
    return p["pass"] + p["unknown"] == 0 and p["fail"] > found["trials"] / 2


def kills(count):
    begin = time.monotonic()
    done = subprocess.run([PYTHON, SOURCE / "tests" / "integration" / "kill_test.py"], capture_output=True, text=True,
                          env={**os.environ, "LASTCALL_KILLS": str(count)})
    ran = re.search(r"Ran (\d+) tests", done.stderr)
    return {"kills": count, "tests": int(ran[1]) if ran else 0, "held": done.returncode == 0,
            "seconds": round(time.monotonic() - begin), "said": "" if done.returncode == 0 else done.stderr[-2000:]}


def of_build(found):
    return f", build {found['build']}" if "build" in found else ""


def markdown(content):
    text = "# The long run\n\nP(failure) bounds are one-sided at 95 %, over the trials that judged the property.\n"
    for scenario, found in content["campaigns"].items():
        text += (f"\n## {scenario}: {found['trials']} trials, exit code {found['exit_code']}, seed {found['seed']}, "
                 f"{found['seconds']} s{of_build(found)}\n\n")
        rows = [(name, *(counts[key] for key in COUNTS[:-1]),
                 f"≤ {counts['upper_bound'] * 100:.2f} %" if counts["pass"] + counts["fail"] else "", counts["first_reason"])
                for name, counts in judged(found).items() if counts["judged"] + counts["unknown"]]
        text += evidence.table(["property", "pass", "fail", "unknown", "n/a", "judged items", "P(failure)", "reason"], rows)
    if "planted" in content:
        rows = [(name, found["must"], found["trials"], *(found["properties"][found["must"]][key] for key in COUNTS[:4]),
                 found.get("build", "")) for name, found in content["planted"].items()]
        text += "\n## Planted defects\n\n" + evidence.table(
            ["defect", "must be caught by", "trials", "pass", "fail", "unknown", "n/a", "build"], rows)
    found = content.get("kills")
    if found:
        text += (f"\n## Kills\n\nlastcall killed at {found['kills']} random moments, a trial process "
                 f"once: {'nothing was left running' if found['held'] else 'FAILED'}, {found['seconds']} s.\n")
    return text


def published(campaigns):
    """The table of scenarios/README.md."""
    rows = []
    for scenario, found in sorted(campaigns.items()):
        counted = {name: p["pass"] + p["fail"] for name, p in judged(found).items()}
        rows.append((scenario, found["trials"], *(", ".join(cell) or "–" for cell in (
            [f"{name} {count}" for name, count in counted.items() if count],
            [name for name, count in counted.items() if not count],
            [name for name in found["properties"] if name not in counted], bad(found)))))
    return evidence.table(["scenario", "stops", "judged", "not applicable", "switched off", "failed or unknown"], rows)


def publish():
    campaigns = {**evidence.load("long").get("campaigns", {}), **evidence.load("reference").get("campaigns", {})}
    text = README.read_text()
    begin, end = text.index(BEGIN) + len(BEGIN) + 1, text.index(END)
    README.write_text(text[:begin] + published(campaigns) + text[end:])


def main():
    content = {"campaigns": {}, "planted": {}, **evidence.load("long"), **evidence.header(COMMAND)}
    build = {"build": content["build"]}
    wanted = sys.argv[1:]
    wrong = []
    trials = max(1, KEEP // SCALE)
    for scenario in [*(name for name in scenarios() if name not in REFERENCE), "twin/right"]:
        if wanted and scenario not in wanted:
            continue
        found = content["campaigns"].get(scenario)
        path = SOURCE / "scenarios" / f"{scenario}.toml"
        same = {**build, "scenario_sha256": sha256(path)}
        if not found or found["trials"] < trials or not same.items() <= found.items():
            jobs = 4 if scenario in SLOW else 2  # slow ones mostly wait
            found = content["campaigns"][scenario] = {**same, **campaign(path, trials, jobs, KEPT / scenario)}
            evidence.save("long", content, markdown(content))
        print(scenario, found["trials"], "trials, exit code", found["exit_code"], *bad(found), flush=True)
        wrong += [scenario] if found["exit_code"] or bad(found) else []
    trials = max(5, PLANTED // SCALE)
    for name, lay_out, must in planted():
        if wanted and name not in wanted:
            continue
        found = content["planted"].get(name)
        if not found or found["trials"] < trials or not build.items() <= found.items():
            with temporary_folder() as folder:
                found = content["planted"][name] = {**build, "must": must, **campaign(lay_out(folder), trials)}
            evidence.save("long", content, markdown(content))
        print(name, found["trials"], "trials,", must, found["properties"][must]["fail"], "fail", flush=True)
        wrong += [] if caught(found, must) else [name]
    count = max(1, KILLS // SCALE)
    if not wanted and (content.get("kills", {}).get("kills", 0) < count or not build.items() <= content["kills"].items()):
        content["kills"] = {**build, **kills(count)}
        evidence.save("long", content, markdown(content))
    print(content.get("kills"))
    wrong += [] if wanted or content["kills"]["held"] else ["kills"]
    publish()
    print("wrong:", *wrong or ["nothing"])
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
