"""`lastcall hunt SCENARIO` finds a planted race in the target of a scenario, by the scenario's own properties; its plan is one
of the scenario, which replays and shrinks; the mended twin keeps it silent."""
import json
import os
import subprocess
import unittest
from pathlib import Path

from lastcall_cli import LastcallTest, lastcall, scenario

PROGRAMS = Path(os.environ["LASTCALL_BUILD"]) / "bin"
# On an idle machine a race is found in a few seconds.
LONGEST = "60s"
OPENS_NOTHING = 'released = { judge = false, why = "it opens nothing" }'


class HuntScenario(LastcallTest):
    @classmethod
    def setUpClass(cls):
        may = next(f for f in json.loads(lastcall("doctor", "--json").out) if f["what"] == "ptrace")
        if not may["good"]:
            raise unittest.SkipTest(may["detail"])

    def scenario_of(self, program, **more):
        return self.write(scenario([program], clients="", properties=OPENS_NOTHING, budget='load = "1s"', **more))

    def hunt(self, file, *options, budget=LONGEST):
        return lastcall("hunt", file, "--for", budget, "--seed", 1, *options, "--results", self.folder / "found")

    def test_finds_a_race_and_ends_with_a_plan_that_replays_and_shrinks(self):
        run = self.hunt(self.scenario_of(PROGRAMS / "race_closed_channel"), "--jobs", 2)
        self.assert_exit(1, run)
        self.assertRegex(run.out, r"found: no-panic: .*\n  hold .*`.+` \(")
        self.assertRegex(run.out, r"fails \d+ of \d+ \(.*; without holds \d+ of \d+ \(")
        self.assertRegex(run.out, r"sweep: \d+ trials?, \d+ failed; [1-9]\d* of \d+ holds reached")
        self.assertRegex((self.folder / "found/explanation.txt").read_text(), "(?s)held for .*then: no-panic")
        plan = json.loads((self.folder / "found/plan.json").read_text())
        self.assertEqual("lastcall-plan", plan["format"])
        self.assertTrue(any("function" in fault["when"] for fault in plan["faults"]), plan["faults"])
        self.assertFalse((self.folder / "found/trials").exists())
        replay = lastcall("replay", self.folder / "found", "--times", 6, "--json")
        self.assert_exit(1, replay)
        answer = json.loads(replay.out)
        self.assertGreaterEqual(answer["came_back"], 3)
        self.assertEqual(6, answer["runs_without_holds"])
        self.assertLess(answer["failed_without_holds"], answer["came_back"])
        shrunk = lastcall("shrink", self.folder / "found", "--times", 6, "--for", "1s")
        self.assert_exit(1, shrunk)
        self.assertRegex(shrunk.out, r"hold .* `.+` \(.*\).* for \d+ ?ms: fails \d+ of \d+")
        self.assert_exit(1, lastcall("replay", self.folder / "found/shrunk", "--times", 6))

    def test_of_a_right_target_finds_nothing_and_says_what_was_tried(self):
        run = self.hunt(self.scenario_of(PROGRAMS / "race_closed_channel_fixed"), "--json", budget="2s")
        self.assert_exit(0, run)
        answer = json.loads(run.out)
        self.assertEqual([], answer["findings"])
        sweep = answer["searches"]["sweep"]
        self.assertGreater(sweep["holds_reached"], 0, answer)
        self.assertFalse((self.folder / "found").exists())

    def test_that_cannot_act_says_so_and_is_no_evidence(self):
        source = self.folder / "silent.cpp"
        source.write_text('#include <unistd.h>\nint main() { write(1, "ready\\n", 6); pause(); }\n')
        subprocess.run(["g++", "-static", "-s", "-o", self.folder / "silent", source], check=True)
        run = self.hunt(self.scenario_of(self.folder / "silent", stop=', exit = "SIGTERM"'), budget="3s")
        self.assert_exit(3, run)
        self.assertIn("THE SEARCH NEVER ACTED", run.out)

    def test_of_a_target_that_always_fails_is_not_begun(self):
        file = self.scenario_of(PROGRAMS / "race_closed_channel_fixed", stop=", exit = 7")
        run = self.hunt(file)
        self.assert_exit(2, run)
        self.assertRegex(run.err, "no race: the scenario fails in all of 5 trials that nothing disturbed: clean-exit")

    def test_takes_no_options_of_commands(self):
        run = self.hunt(self.scenario_of(PROGRAMS / "race_closed_channel"), "--signal", "TERM")
        self.assert_exit(2, run)
        self.assertIn("--signal goes with a command", run.err)

    def test_takes_one_scenario_of_a_matrix(self):
        text = scenario(["{vary.build}"], clients="") + '[[vary]]\nname = "build"\nvalues = ["./good", "./bad"]\n'
        refused = self.hunt(self.write(text))
        self.assert_exit(2, refused)
        self.assertIn("has 2 scenarios in its matrix and a hunt takes one", refused.err)


if __name__ == "__main__":
    unittest.main()
