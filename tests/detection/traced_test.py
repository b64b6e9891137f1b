"""Each planted bug of scenarios/traced is caught in every trial, by the property that defects.toml names and by no
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

from budget import campaigns_of, problems_of_catching, problems_of_silence
from detection import catalogue
from lastcall_cli import LASTCALL, PYTHON, SOURCE, lastcall, temporary_folder

TRIALS = int(os.environ.get("LASTCALL_TRIALS", "5"))
SCENARIOS = SOURCE / "scenarios" / "traced"
CAP_SYS_ADMIN = 21  # linux/capability.h


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
    rights = int(re.search(r"^CapEff:\s*(\w+)", Path("/proc/self/status").read_text(), re.M)[1], 16)
    if not rights & 1 << CAP_SYS_ADMIN:
        return "the kernel's trace needs CAP_SYS_ADMIN"
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
    """What has to run alongside the target."""
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


class Traced(unittest.TestCase):
    maxDiff = None

    def each(self, judge):
        for name, defect in catalogue.table(catalogue.TRACED).items():
            with self.subTest(defect=name), temporary_folder() as folder, neighbours(name, folder):
                if problem := why_not(name):
                    self.skipTest(problem)
                judge(name, defect, folder)

    def test_every_defect_of_the_table_has_a_scenario_and_the_other_way_round(self):
        self.assertEqual({path.stem for path in SCENARIOS.glob("*.toml")}, set(catalogue.table(catalogue.TRACED)))

    def test_each_is_caught_in_every_trial_by_its_property_which_names_the_culprit(self):
        def judge(name, defect, folder):
            run = campaigns_of(scenario_of(name, folder), folder)
            self.assertEqual([], problems_of_catching(defect, run, TRIALS))
        self.each(judge)

    def test_the_same_without_the_bug_keeps_all_promises(self):
        def judge(name, defect, folder):
            run = campaigns_of(scenario_of(name, folder, fixed=True), folder)
            self.assertEqual([], problems_of_silence(run, TRIALS, judges=defect.must))
        self.each(judge)


if __name__ == "__main__":
    unittest.main()
