"""Each planted bug is caught in every trial, by the property that targets/README.md names and by no other than those
it allows. LASTCALL_TRIALS: how many trials of each."""
import os
import re
import unittest

from lastcall_cli import SOURCE, lastcall, temporary_folder

TRIALS = int(os.environ.get("LASTCALL_TRIALS", "20"))


def table():
    """defect -> (the property that must catch it, others that may)"""
    rows = {}
    for line in (SOURCE / "targets" / "README.md").read_text().split("## The twin")[0].splitlines():
        cells = [cell.strip() for cell in line.strip("|\n ").split("|")]
        if line.startswith("| `") and len(cells) >= 3:
            defect, must, may = cells[0], cells[2], cells[3] if len(cells) > 3 else ""
            rows[defect.strip("`")] = (must.strip("`"), set(re.findall("`([^`]+)`", may)))
    return rows


class Defects(unittest.TestCase):
    def test_every_defect_of_the_table_has_a_scenario_and_the_other_way_round(self):
        self.assertEqual({path.stem for path in (SOURCE / "scenarios" / "defects").glob("*.toml")}, set(table()))

    def test_each_is_caught_in_every_trial_by_its_property_and_no_strange_one(self):
        for defect, (must, may) in table().items():
            with self.subTest(defect=defect), temporary_folder() as folder:
                run = lastcall("run", SOURCE / "scenarios" / "defects" / f"{defect}.toml", "--trials", TRIALS, "--jobs", 2,
                               "--keep", "none", "--results", f"{folder}/r")
                self.assertEqual(1, run.code, str(run))
                self.assertEqual(TRIALS, len(run.trials))
                for trial in range(TRIALS):
                    outcomes = run.outcomes(trial)
                    self.assertEqual("fail", outcomes[must], run.verdict(must, trial))
                    strange = {p for p, o in outcomes.items() if o in ("fail", "unknown")} - {must} - may
                    self.assertEqual(set(), strange, [run.verdict(p, trial) for p in strange])


if __name__ == "__main__":
    unittest.main()
