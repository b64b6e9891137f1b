"""lastcall itself under sanitizers: built with those of addresses and undefined behaviour, and with that of threads, it runs
every scenario of scenarios/ and is killed at random moments. The targets are of the release build. Its verdicts must be
those of the release build, and no process of lastcall may report anything: each report is a file of its own, and there
may be none. Writes reports/evidence/sanitized.json and .md. Resumable, as the long run; results and reports of what was
wrong stay in lastcall-results/sanitized.
LASTCALL_SCALE divides the counts. LASTCALL_BUILDS: the folder with the builds asan and tsan of lastcall. `sanitized.py asan
^nginx/` runs the scenarios that match with that build only, and writes no evidence."""
import hashlib
import os
import re
import shutil
import signal
import sys
import unittest
from collections import Counter
from contextlib import contextmanager, nullcontext
from pathlib import Path

import evidence
import lastcall_cli
from budget import broken_promises, is_contradicted, text, verdicts, wrongs
from detection import catalogue, traced_test
from lastcall_cli import KEPT, LASTCALL, SOURCE, is_held_up, lastcall, temporary_folder, until
from own_processes import ROLES, OwnProcessesTest
from servers import long
from servers.servers_test import CROWDS, named

COMMAND = "ctest --preset release -L long -R long.sanitized"
TRIALS = max(1, 20 // long.SCALE)
KILLS = max(1, long.KILLS // long.SCALE)
BUILDS = Path(os.environ.get("LASTCALL_BUILDS", SOURCE / "build"))
SANITIZERS = {"asan": "addresses and undefined behaviour", "tsan": "threads"}
# The environment of targets, and of all that a trial starts, is lastcall's own (trial/target_process.cpp), so these reach
# lastcall's processes only. A trial process forks its target from the thread that traces it (die_after_fork).
EXIT_CODE = 99
# Clang's libraries look for a symbolizer of their own version only.
SYMBOLIZER = shutil.which("llvm-symbolizer-16") or shutil.which("llvm-symbolizer")
OF_ALL = f"log_path={{log}}:exitcode={EXIT_CODE}" + (f":external_symbolizer_path={SYMBOLIZER}" if SYMBOLIZER else "")
OPTIONS = {"ASAN_OPTIONS": OF_ALL, "UBSAN_OPTIONS": "print_stacktrace=1", "TSAN_OPTIONS": f"{OF_ALL}:die_after_fork=0"}
PLANTED = {f"{folder}/{name}": defect for folder, group in (("defects", catalogue.FIRST), ("traced", catalogue.TRACED))
           for name, defect in catalogue.table(group).items()}
OWN = lastcall_cli.LASTCALL


def program(build):
    path = BUILDS / build / "bin" / "lastcall"
    if not path.exists():
        sys.exit(f"{path} is missing: cmake --preset {build} && ninja -C build/{build} lastcall")
    return path


def release():
    return Path(shutil.which(LASTCALL) or LASTCALL).resolve().parent


def digest(builds):
    found = hashlib.sha256(evidence.build().encode())
    for build in builds:
        found.update(program(build).read_bytes())
    return found.hexdigest()[:16]


class Reports:
    """What the sanitizers report: a file of each process that reports something."""

    def __init__(self, folder):
        self.folder = Path(folder) / "reports"
        self.folder.mkdir()
        self.folder.chmod(0o1777)  # a child is another user before it becomes the target
        self.log = self.folder / "report"

    def of(self, pid):
        return Path(f"{self.log}.{pid}")

    def take(self, kept):
        """Moves them there; the first line of each that says something."""
        said = []
        for file in sorted(self.folder.iterdir()):
            found = re.search("(?m)^.*(?:ERROR|WARNING|runtime error): .*$", file.read_text(errors="replace"))
            said.append(found[0] if found else file.name)
            kept.mkdir(parents=True, exist_ok=True)
            shutil.move(file, kept / file.name)
        return said


@contextmanager
def sanitized(build):
    """lastcall is that build, alone in a folder, so that what it starts is found in PATH: of the release build."""
    before = dict(os.environ)
    with temporary_folder() as folder:
        shutil.copy(program(build), folder)
        reports = Reports(folder)
        os.environ.update({name: value.format(log=reports.log) for name, value in OPTIONS.items()},
                          LASTCALL=f"{folder}/lastcall", PATH=f"{release()}:{os.environ['PATH']}")
        lastcall_cli.LASTCALL = f"{folder}/lastcall"
        try:
            yield reports
        finally:
            lastcall_cli.LASTCALL = OWN
            os.environ.clear()
            os.environ.update(before)


class ReportsAreSeen(OwnProcessesTest):
    """Each of lastcall's processes that is hit by SIGSEGV reports that, or else that there is no report says nothing."""

    reports = None

    def test_of_each_process(self):
        for role in ROLES:
            with self.subTest(role):
                self.kill_marked()
                run = self.campaign(name=role)
                pid = self.all_of(run)[role][0]
                os.kill(pid, signal.SIGSEGV)
                self.assertTrue(until(self.reports.of(pid).exists, 30), "it reported nothing")
                run.kill()
                run.wait()
                self.assert_nobody_is_left(30)
                shutil.rmtree(self.results, ignore_errors=True)


def reports_are_seen(reports):
    ReportsAreSeen.reports = reports
    done = unittest.TextTestRunner(verbosity=0).run(unittest.defaultTestLoader.loadTestsFromTestCase(ReportsAreSeen))
    for file in reports.folder.iterdir():
        file.unlink()
    return [about.strip().splitlines()[-1] for _, about in (*done.failures, *done.errors)]


def alarms(run):
    """Of a server that keeps its promises."""
    problems = [problem for trial in run.trials for problem in broken_promises(trial)]
    held_up = any(is_held_up(v) for trial in run.trials for v in verdicts(trial))
    for found in run.report["scenarios"][0]["properties"]:
        if found["fail"]:
            problems.append(f"{found['name']} failed: {found['first_reason']}")
        if found["required"] and not found["judged"] and not held_up:
            problems.append(f"{found['name']} is required, and had nothing to judge")
    return problems


def misses(run, defect):
    of_defect = [v for trial in run.trials for v in verdicts(trial) if v["property"] == defect.must]
    caught = sum(v["outcome"] == "fail" for v in of_defect)
    missed = [text(v) for v in of_defect if v["outcome"] in ("pass", "unknown") and not is_held_up(v)]
    problems = list(wrongs(run, defect))
    if is_contradicted(defect.share, len(missed), caught + len(missed)):
        problems += missed
    return problems if caught else [*problems, f"{defect.must} never failed"]


def campaign(scenario, reports, kept):
    defect = PLANTED.get(scenario)
    path = SOURCE / "scenarios" / f"{scenario}.toml"
    is_traced = scenario.startswith("traced/")
    with temporary_folder() as folder, traced_test.neighbours(path.stem, folder) if is_traced else nullcontext():
        path = traced_test.scenario_of(path.stem, folder) if is_traced else path
        run = lastcall("run", path, "--trials", TRIALS, "--jobs", 1 if scenario in CROWDS else 2, "--keep", "failed",
                       "--results", f"{folder}/r", limit=long.CAMPAIGN_LIMIT)
        if run.results.exists() and (run.results / "report.json").exists():
            wrong = misses(run, defect) if defect else alarms(run)
            found = [v for trial in run.trials for v in verdicts(trial)]
        else:
            wrong, found = [], []
        wrong += [] if run.code in (0, 1, 3) else [f"exit code {run.code}: {run.err[-500:]}"]
        said = reports.take(kept)
        if (wrong or said) and run.results.exists():
            run.keep(kept)
    return {"trials": TRIALS, "seconds": round(run.seconds), "exit_code": run.code,
            "outcomes": dict(Counter(v["outcome"] for v in found)), "held_up": sum(map(is_held_up, found)),
            "wrong": sorted(set(wrong)), "reports": said}


def kills(reports, kept):
    found = long.kills(KILLS)
    return {**found, "reports": reports.take(kept)}


def is_wrong(found):
    return bool(found["reports"] or found.get("wrong") or not found.get("held", True))


def markdown(content):
    outcomes = ("pass", "fail", "unknown", "not-applicable")
    body = ("# lastcall under sanitizers\n\nVerdicts of lastcall built with sanitizers, on targets that were not. Held up: "
            "unknown, because lastcall lagged or the target waited for a processor.\n")
    for build, about in SANITIZERS.items():
        rows = [(scenario, found["trials"], *(found["outcomes"].get(outcome, 0) for outcome in outcomes), found["held_up"],
                 "; ".join(found["wrong"]) or "nothing", "; ".join(found["reports"]) or "none", found["seconds"])
                for scenario, found in content[build].items()]
        body += f"\n## The sanitizers of {about}\n\n" + evidence.table(
            ["scenario", "trials", *outcomes, "held up", "wrong", "reports", "seconds"], rows)
        if found := content["kills"].get(build):
            body += (f"\nKilled at {found['kills']} random moments: "
                     f"{'nothing was left running' if found['held'] else 'FAILED'}; "
                     f"reports: {'; '.join(found['reports']) or 'none'}; {found['seconds']} s.\n")
    return body


def main():
    only = len(sys.argv) > 1
    builds = sys.argv[1:2] or list(SANITIZERS)
    names = [name for name in named("*/*.toml") if re.search("".join(sys.argv[2:]), name)]
    content = evidence.load("sanitized")
    if content.get("build") != digest(builds):
        content = {**evidence.header(COMMAND, digest(builds)), **{build: {} for build in SANITIZERS}, "kills": {}}
    wrong = []

    def done(part, name, run):
        found = content[part].get(name)
        if not found or found.get("trials", KILLS) < TRIALS:
            found = content[part][name] = run()
            if not only:
                evidence.save("sanitized", content, markdown(content))
        print(part, name, {key: value for key, value in found.items() if value}, flush=True)
        return [f"{part} {name}"] if is_wrong(found) else []

    for build in builds:
        with sanitized(build) as reports:
            kept = KEPT / "sanitized" / build
            wrong += [f"{build}: {problem}" for problem in reports_are_seen(reports)]
            for name in names:
                if name.startswith("traced/") and (problem := traced_test.why_not(Path(name).name)):
                    print(build, name, "not here:", problem)
                    continue
                wrong += done(build, name, lambda name=name: campaign(name, reports, kept / name))
            if not only:
                wrong += done("kills", build, lambda build=build: kills(reports, kept / "kills"))
    print("wrong:", *wrong or ["nothing"])
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
