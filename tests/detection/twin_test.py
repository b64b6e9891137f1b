"""Each defect of the twin is caught in every trial that exercises it, or in the share of them that defects.toml
states, by the property that it names and by no other than those it allows; the right twin keeps all promises.
LASTCALL_TRIALS: how many trials of each."""
import os
import re
import unittest
from pathlib import Path

from budget import campaigns_of, problems_of_catching, problems_of_catching_over_a_campaign, problems_of_silence
from detection import catalogue
from lastcall_cli import SOURCE, temporary_folder

TRIALS = int(os.environ.get("LASTCALL_TRIALS", "5"))
RIGHT = SOURCE / "scenarios" / "twin" / "right.toml"


def scenario_with(defect, folder):
    text = RIGHT.read_text().replace('"--defect", "none"', f'"--defect", "{defect}"')
    path = Path(folder) / f"{defect}.toml"
    path.write_text(text.replace("{here}", str(RIGHT.parent)))
    return path


class Twins(unittest.TestCase):
    maxDiff = None

    def test_the_table_names_every_defect(self):
        source = (SOURCE / "targets" / "defects" / "twin.py").read_text()
        named = set(re.findall('"([a-z-]+)"', re.search(r"DEFECTS = \((.*?)\)", source, re.S)[1]))
        self.assertEqual(named - {"none"}, set(catalogue.table(catalogue.TWIN)))

    def test_each_defect_is_caught_by_its_property_and_no_strange_one(self):
        for name, defect in catalogue.table(catalogue.TWIN).items():
            with self.subTest(defect=name), temporary_folder() as folder:
                over_a_campaign = defect.must == "prompt-exit"
                problems = problems_of_catching_over_a_campaign if over_a_campaign else problems_of_catching
                self.assertEqual([], problems(defect, campaigns_of(scenario_with(name, folder), folder), TRIALS))

    def test_the_right_twin_keeps_all_promises(self):
        with temporary_folder() as folder:
            self.assertEqual([], problems_of_silence(campaigns_of(RIGHT, folder), 2 * TRIALS))


if __name__ == "__main__":
    unittest.main()
