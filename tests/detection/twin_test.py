"""Each defect of the twin is caught in every trial that exercises it, by the property that targets/README.md names and
by no other than those it allows; the right twin keeps all promises. LASTCALL_TRIALS: how many trials of each."""
import os
import re
import unittest
from pathlib import Path

from lastcall_cli import SOURCE, lastcall, temporary_folder

TRIALS = int(os.environ.get("LASTCALL_TRIALS", "5"))
RIGHT = SOURCE / "scenarios" / "twin" / "right.toml"


def table():
    """defect -> (the property that must catch it, others that may)"""
    section = (SOURCE / "targets" / "README.md").read_text().split("## The twin", 1)[1].split("\n## ")[0]
    rows = {}
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|\n ").split("|")]
        if line.startswith("| `") and len(cells) >= 3:
            may = cells[3] if len(cells) > 3 else ""
            rows[cells[0].strip("`")] = (cells[2].strip("`"), set(re.findall("`([^`]+)`", may)))
    return rows


def scenario_with(defect, folder):
    text = RIGHT.read_text().replace('"--defect", "none"', f'"--defect", "{defect}"')
    path = Path(folder) / f"{defect}.toml"
    path.write_text(text.replace("{here}", str(RIGHT.parent)))
    return path


class Twins(unittest.TestCase):
    def test_the_table_names_every_defect(self):
        source = (SOURCE / "targets" / "defects" / "twin.py").read_text()
        named = set(re.findall('"([a-z-]+)"', re.search(r"DEFECTS = \((.*?)\)", source, re.S)[1]))
        self.assertEqual(named - {"none"}, set(table()))

    def test_each_defect_is_caught_by_its_property_and_no_strange_one(self):
        for defect, (must, may) in table().items():
            with self.subTest(defect=defect), temporary_folder() as folder:
                run = lastcall("run", scenario_with(defect, folder), "--trials", TRIALS, "--jobs", 2, "--keep", "none",
                               "--results", f"{folder}/r")
                self.assertEqual(1, run.code, str(run))
                found = {p["name"]: p for p in run.report["scenarios"][0]["properties"]}
                if must == "prompt-exit":  # judged over the campaign, by the share of late trials
                    self.assertGreater(found[must]["fail"], TRIALS / 4, str(run))
                else:
                    # Never missed. A trial whose stop found nothing to judge does not count: on a busy machine, what
                    # lack of a processor may explain is not judged.
                    self.assertEqual(0, found[must]["pass"] + found[must]["unknown"], str(run))
                    self.assertGreater(found[must]["fail"], 0, str(run))
                strange = {name for name, p in found.items() if p["fail"] + p["unknown"] > 0} - {must} - may
                self.assertEqual(set(), strange, str(run))

    def test_the_right_twin_keeps_all_promises(self):
        with temporary_folder() as folder:
            run = lastcall("run", RIGHT, "--trials", 2 * TRIALS, "--jobs", 2, "--results", f"{folder}/r")
            self.assertEqual(0, run.code, str(run))


if __name__ == "__main__":
    unittest.main()
