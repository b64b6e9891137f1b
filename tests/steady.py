"""The tests that ci/test runs, several times beside one endless loop a processor (servers/busy.py) and under nice(1): a
test that fails now and then says nothing when it fails. Writes reports/evidence/steady.json and .md, with each test's
rate. Resumable: rounds of the same build are kept. What a failing test printed is kept in lastcall-results/steady. Who
mends a test and takes its rounds out of steady.json says so in "note" there.
LASTCALL_ROUNDS: how many; LASTCALL_TESTS: a regular expression of tests' names, instead of all."""
import os
import statistics
import subprocess
import sys
import time
import xml.etree.ElementTree as xml
from pathlib import Path

import evidence
import lastcall_cli
from lastcall_cli import SOURCE, temporary_folder
from servers.busy import busy_processors

COMMAND = "ctest --preset release -L long -R steady"
ROUNDS = int(os.environ.get("LASTCALL_ROUNDS", "5"))
NICE = 10  # what nice(1) adds when it is not told
PARTS = {"asan": ["-L", "unit", "-j", str(os.cpu_count())],
         "release": ["-L", "ci", "-LE", "unit", "-j", str(2 * os.cpu_count())]}  # as ci/test
KEPT = lastcall_cli.KEPT / "steady"


def one_round(preset, options, number):
    """test -> (passed, seconds)"""
    chosen = ["-R", os.environ["LASTCALL_TESTS"]] if "LASTCALL_TESTS" in os.environ else []
    with temporary_folder() as folder, busy_processors():
        report = Path(folder) / "junit.xml"
        subprocess.run(["nice", "-n", str(NICE), "ctest", "--preset", preset, *options, *chosen, "--output-junit", report],
                       cwd=SOURCE, check=False)
        cases = xml.parse(report).getroot().iter("testcase")
        found = {}
        for case in cases:
            passed = case.get("status") == "run"
            found[case.get("name")] = (passed, round(float(case.get("time")), 1))
            if not passed:
                KEPT.mkdir(parents=True, exist_ok=True)
                (KEPT / f"{number}-{preset}-{case.get('name')}.txt").write_text(case.findtext("system-out") or "")
    return found


def rates(content, preset):
    """test -> (how often it passed, its times)"""
    found = {}
    for one in content["rounds"]:
        for name, (passed, seconds) in one.get(preset, {}).items():
            passes, times = found.setdefault(name, ([], []))
            passes.append(passed)
            times.append(seconds)
    return {name: (sum(passes), len(passes), times) for name, (passes, times) in found.items()}


def markdown(content):
    text = (f"# The tests of ci/test on a busy machine\n\nBeside one endless loop a processor, and under `nice -n {NICE}`.\n")
    for preset in PARTS:
        found = sorted(rates(content, preset).items())
        rows = [(name, f"{passes} of {count}", f"{statistics.median(times):.0f}", f"{max(times):.0f}")
                for name, (passes, count, times) in found if passes < count or max(times) >= 1]
        text += f"\n## Preset {preset}\n\n" + evidence.table(["test", "passed", "seconds, median", "longest"], rows)
        text += f"\n{len(found) - len(rows)} others passed each time, in less than a second.\n"
    text += f"\nMinutes a round: {', '.join(str(one['minutes']) for one in content['rounds'])}.\n"
    return text + (f"\n{content['note']}\n" if "note" in content else "")


def main():
    content = evidence.load("steady")
    if content.get("build") != evidence.build():
        content = {**evidence.header(COMMAND), "rounds": []}
    while len(content["rounds"]) < ROUNDS:
        begin = time.monotonic()
        number = len(content["rounds"]) + 1
        found = {preset: one_round(preset, options, number) for preset, options in PARTS.items()}
        content["rounds"].append({**found, "minutes": round((time.monotonic() - begin) / 60, 1)})
        evidence.save("steady", content, markdown(content))
    failing = {name: f"{passes} of {count}" for preset in PARTS
               for name, (passes, count, _) in rates(content, preset).items() if passes < count}
    print("not steady:", failing or "nothing")
    return 1 if failing else 0


if __name__ == "__main__":
    sys.exit(main())
