"""A hunt in programs whose race was mended finds nothing, and really held threads there: those of targets/races/, and the
reference server. LASTCALL_TWIN: seconds that the hunt of each takes; in a scenario it takes LASTCALL_TWIN_SCENARIO."""
import json
import os
import unittest
from pathlib import Path

from bench.hunt_reference import DEFECTS, scenario
from bench.races import RACES
from lastcall_cli import lastcall, temporary_folder

SECONDS = int(os.environ.get("LASTCALL_TWIN", "3"))
SECONDS_OF_SCENARIO = int(os.environ.get("LASTCALL_TWIN_SCENARIO", "20"))
# A small server suffices to see that nothing is found; the long test has as many as the bench.
CLIENTS = int(os.environ.get("LASTCALL_CLIENTS", "20"))


class MendedRaces(unittest.TestCase):
    maxDiff = None

    def hunted(self, what, seconds, folder):
        run = lastcall("hunt", "--json", "--for", f"{seconds}s", "--seed", 1, "--results", Path(folder) / "found", *what,
                       limit=seconds + 300)
        self.assertIn(run.code, (0, 1, 3), run)
        return json.loads(run.out)

    def assert_silent(self, answer):
        self.assertEqual([], [(one["says"], one["failure"]) for one in answer["findings"]])
        reached = sum(one["holds_reached"] + one["signals_landed"] for one in answer["searches"].values())
        self.assertGreater(reached, 0, "no thread was held: that is no evidence")

    def test_of_commands(self):
        for _, twin in RACES:
            with self.subTest(program=twin.name), temporary_folder() as folder:
                signal = ("--signal", "TERM") if twin.is_stopped else ()
                self.assert_silent(self.hunted((*signal, "--", twin.file, *twin.words[1:]), SECONDS, folder))

    def test_of_the_reference_server(self):
        for defect in DEFECTS[-1:] if SECONDS_OF_SCENARIO < 60 else DEFECTS:
            with self.subTest(defect=defect), temporary_folder() as folder:
                file = Path(folder) / "mended.toml"
                file.write_text(scenario(f"{defect}-fixed", CLIENTS))
                self.assert_silent(self.hunted((file,), SECONDS_OF_SCENARIO, folder))


if __name__ == "__main__":
    unittest.main()
