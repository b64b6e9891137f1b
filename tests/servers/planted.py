"""The long run of what only a tracer can tell: each planted bug in many trials, its right twin in many more. Writes
reports/evidence/planted.json and .md. Resumable, as the long run of the servers.
LASTCALL_SCALE divides the counts."""
import re
import shutil
import sys
from pathlib import Path

import evidence
from budget import campaigns_of, wrongs
from detection import catalogue, traced_test
from lastcall_cli import LASTCALL, temporary_folder
from servers import long

COMMAND = "ctest --preset release -L long -R long.planted"
PLANTED = 50
FIXED = 500


def programs():
    """What tells one build of the servers from another."""
    folder = Path(shutil.which(LASTCALL) or LASTCALL).resolve().parent
    return {name: long.sha256(folder / name) for name in ("threaded_defects", "gateway_go") if (folder / name).exists()}


def without_folders(reason):
    return re.sub(r"/(?:[\w.-]+/)+", "", reason)


def planted(name, defect, trials):
    with temporary_folder() as folder, traced_test.neighbours(name, folder):
        run = campaigns_of(traced_test.scenario_of(name, folder), folder)(trials)
        if run.code not in (0, 1, 3):
            sys.exit(str(run))
        verdicts = [run.verdict(defect.must, trial) for trial in range(len(run.trials))]
        wrong = list(wrongs(run, defect))
        return {"must": defect.must, "culprit": defect.culprit, "trials": len(verdicts), "seed": run.report["seed"],
                "fail": sum(verdict["outcome"] == "fail" for verdict in verdicts), "wrong": wrong[:5], "wrongs": len(wrong),
                "reason": without_folders(verdicts[0]["reason"]), "seconds": round(run.seconds)}


def fixed(name, trials):
    with temporary_folder() as folder, traced_test.neighbours(name, folder):
        return long.campaign(traced_test.scenario_of(name, folder, fixed=True), trials, keep=long.kept(f"planted/{name}"))


def held(found, must):
    return found["exit_code"] == 0 and not long.bad(found) and found["properties"][must]["pass"] == found["trials"]


def markdown(content):
    rows = [(name, found["must"], f"{found['fail']} of {found['trials']}", found["wrongs"], found["reason"])
            for name, found in content["planted"].items()]
    text = ("# What only a tracer can tell\n\n## Planted defects\n\nWrong: another property failed or was unknown, or the "
            "reason does not name the culprit.\n\n")
    text += evidence.table(["defect", "must be caught by", "caught", "wrong", "first reason"], rows)
    rows = [(name, found["trials"], ", ".join(long.bad(found)) or "nothing",
             ", ".join(f"{property} {p['pass']}" for property, p in long.judged(found).items() if p["pass"]), found["seconds"])
            for name, found in content["fixed"].items()]
    text += "\n## The same without the bug\n\n" + evidence.table(
        ["twin of", "trials", "failed or unknown", "passed", "seconds"], rows)
    rows = list(content["not_run"].items())
    return text + ("\n## Not run\n\n" + evidence.table(["defect", "because"], rows) if rows else "")


def main():
    content = evidence.load("planted")
    if content.get("build") != evidence.build() or content.get("programs") != programs():
        content = {**evidence.header(COMMAND), "programs": programs(), "planted": {}, "fixed": {}, "not_run": {}}
    wrong = []
    counts = {"planted": max(5, PLANTED // long.SCALE), "fixed": max(5, FIXED // long.SCALE)}
    for name, defect in catalogue.table(catalogue.TRACED).items():
        content["not_run"].pop(name, None)
        if problem := traced_test.why_not(name):
            content["not_run"][name] = problem
            print(name, "is not run:", problem, flush=True)
            continue
        scenario = long.sha256(traced_test.SCENARIOS / f"{name}.toml")
        for part, run in (("planted", lambda trials: planted(name, defect, trials)),
                          ("fixed", lambda trials: fixed(name, trials))):
            found = content[part].get(name)
            if not found or found["trials"] < counts[part] or found["scenario_sha256"] != scenario:
                found = content[part][name] = {"scenario_sha256": scenario, **run(counts[part])}
                evidence.save("planted", content, markdown(content))
        caught = content["planted"][name]
        twin = content["fixed"][name]
        print(name, "caught in", caught["fail"], "of", caught["trials"], *caught["wrong"], "- twin:", twin["trials"], "trials",
              *long.bad(twin), flush=True)
        wrong += [name] if caught["fail"] < caught["trials"] or caught["wrongs"] else []
        wrong += [] if held(twin, defect.must) else [f"twin of {name}"]
    evidence.save("planted", content, markdown(content))
    print("wrong:", *wrong or ["nothing"])
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
