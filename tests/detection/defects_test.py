"""Each planted bug is caught in every trial, by the property that defects.toml names and by no other than those
it allows. LASTCALL_TRIALS: how many trials of each."""
import os
import unittest

from budget import campaigns_of, problems_of_catching
from detection import catalogue
from lastcall_cli import SOURCE, temporary_folder

TRIALS = int(os.environ.get("LASTCALL_TRIALS", "20"))
SCENARIOS = SOURCE / "scenarios" / "defects"


class Defects(unittest.TestCase):
    maxDiff = None

    def test_every_defect_of_the_table_has_a_scenario_and_the_other_way_round(self):
        self.assertEqual({path.stem for path in SCENARIOS.glob("*.toml")}, set(catalogue.table(catalogue.FIRST)))

    def test_each_is_caught_in_every_trial_by_its_property_and_no_strange_one(self):
        for name, defect in catalogue.table(catalogue.FIRST).items():
            with self.subTest(defect=name), temporary_folder() as folder:
                run = campaigns_of(SCENARIOS / f"{name}.toml", folder)
                self.assertEqual([], problems_of_catching(defect, run, TRIALS))


if __name__ == "__main__":
    unittest.main()
