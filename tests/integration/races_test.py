"""The programs of targets/races/ as they are without anybody who looks for their races: a race is rare, so most plain runs
end right, and so does every run of a mended twin."""
import unittest

from bench.races import RACES, RIGHT, rate, run_once

RUNS = 5


class PlainRuns(unittest.TestCase):
    def rate_of(self, program):
        return rate(lambda: run_once(program), RUNS)

    def test_most_runs_of_a_program_with_a_race_end_right(self):
        for program, _ in RACES:
            with self.subTest(program.name):
                found = self.rate_of(program)
                self.assertGreater(found.ends[RIGHT], RUNS / 2, found.ends)

    def test_every_run_of_a_mended_twin_ends_right(self):
        for _, twin in RACES:
            with self.subTest(twin.name):
                self.assertEqual({RIGHT: RUNS}, self.rate_of(twin).ends)


if __name__ == "__main__":
    unittest.main()
