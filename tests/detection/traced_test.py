"""Each planted bug of scenarios/traced is caught in every trial, by the property that targets/README.md names and by no
other than those it allows, and the reason names the culprit; the same server without the bug keeps all promises.
LASTCALL_TRIALS: how many trials of each."""
import contextlib
import json
import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path
from typing import NamedTuple

from lastcall_cli import LASTCALL, PYTHON, SOURCE, lastcall, temporary_folder

TRIALS = int(os.environ.get("LASTCALL_TRIALS", "5"))
SCENARIOS = SOURCE / "scenarios" / "traced"


class Defect(NamedTuple):
    must: str  # the property that must catch it
    culprit: str  # what its reason must match
    may: set  # others that may


def table():
    """defect -> Defect"""
    section = (SOURCE / "targets" / "README.md").read_text().split("## What only a tracer can tell", 1)[1]
    rows = {}
    for line in section.split("\n## ")[0].splitlines():
        cells = [cell.strip() for cell in line.strip("|\n ").split("|")]
        if line.startswith("| `"):
            may = set(re.findall("`([^`]+)`", line.rsplit("|", 2)[1]))
            rows[cells[0].strip("`")] = Defect(cells[2].strip("`"), cells[3].strip("`"), may)
    return rows


def scenario_of(name, folder, fixed=False):
    """The defect's scenario in a folder, or that of its right twin."""
    text = (SCENARIOS / f"{name}.toml").read_text()
    path = Path(folder) / f"{name}.toml"
    path.write_text(re.sub('("--defect", "[a-z_]+")', r'\1, "--fixed"', text) if fixed else text)
    return path


def no_trace_of_kernel():
    """Why nobody can tell who sent a SIGKILL; empty if somebody can."""
    first_namespace = "pid:[4026531836]"  # PROC_PID_INIT_INO, linux/proc_ns.h
    if os.geteuid() != 0 or os.readlink("/proc/self/ns/pid") != first_namespace:
        return "the kernel's trace needs root in the first PID namespace"
    return "" if "tracefs" in Path("/proc/filesystems").read_text().split() else "the kernel has no tracefs"


def why_not(name):
    """Why the defect cannot be shown here; empty if it can."""
    found = {f["what"]: f for f in json.loads(lastcall("doctor", "--json").out)}
    for needed in ["ptrace"] + ["memory cgroup"] * (name == "out_of_memory"):
        if not found[needed]["good"]:
            return found[needed]["detail"]
    if name == "killed_by_other" and (problem := no_trace_of_kernel()):
        return problem
    if name.startswith("go_") and not (Path(shutil.which(LASTCALL) or LASTCALL).resolve().parent / "gateway_go").exists():
        return "gateway_go was not built: no go"
    return ""


@contextlib.contextmanager
def neighbours(name, folder):
    """What has to run beside the target."""
    if name != "killed_by_other":
        yield
        return
    watchdog = subprocess.Popen([PYTHON, SOURCE / "targets" / "defects" / "watchdog.py", f"{folder}/watchdog.sock"],
                                stdout=subprocess.PIPE, text=True)
    with watchdog:
        watchdog.stdout.readline()
        try:
            yield
        finally:
            watchdog.terminate()


def run_of(name, folder, trials, fixed=False):
    with neighbours(name, folder):
        return lastcall("run", scenario_of(name, folder, fixed), "--trials", trials, "--jobs", 2, "--keep", "none",
                        "--results", f"{folder}/r")


def missed(run, defect):
    """What is wrong with the verdicts of a defect's trials, in words."""
    for trial in range(len(run.trials)):
        must = run.verdict(defect.must, trial)
        if must["outcome"] != "fail" or not re.search(defect.culprit, must["reason"]):
            yield f"{defect.must} {must['outcome']}: {must['reason']}"
        for name, outcome in run.outcomes(trial).items():
            if outcome in ("fail", "unknown") and name not in {defect.must} | defect.may:
                yield f"{name} {outcome}: {run.verdict(name, trial)['reason']}"


class Traced(unittest.TestCase):
    maxDiff = None

    def each(self, judge):
        for name, defect in table().items():
            with self.subTest(defect=name), temporary_folder() as folder:
                if problem := why_not(name):
                    self.skipTest(problem)
                judge(name, defect, folder)

    def test_every_defect_of_the_table_has_a_scenario_and_the_other_way_round(self):
        self.assertEqual({path.stem for path in SCENARIOS.glob("*.toml")}, set(table()))

    def test_each_is_caught_in_every_trial_by_its_property_which_names_the_culprit(self):
        def judge(name, defect, folder):
            run = run_of(name, folder, TRIALS)
            self.assertEqual(1, run.code, str(run))
            self.assertEqual(TRIALS, len(run.trials))
            self.assertEqual([], list(missed(run, defect)))
        self.each(judge)

    def test_the_same_without_the_bug_keeps_all_promises(self):
        def judge(name, defect, folder):
            run = run_of(name, folder, TRIALS, fixed=True)
            self.assertEqual(0, run.code, str(run))
            self.assertEqual(["pass"] * TRIALS, [run.outcomes(trial)[defect.must] for trial in range(TRIALS)], str(run))
        self.each(judge)


if __name__ == "__main__":
    unittest.main()
