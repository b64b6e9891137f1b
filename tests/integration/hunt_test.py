"""`lastcall hunt` finds planted races in programs that it is only told the command of; its plans replay and shrink."""
import json
import os
import shutil
import signal
import subprocess
import time
import unittest
from pathlib import Path

from lastcall_cli import LASTCALL, LastcallTest, lastcall, until

PROGRAMS = Path(os.environ["LASTCALL_BUILD"]) / "bin"
SOURCES = Path(__file__).resolve().parents[2] / "targets/races"
# A function that stands before all others.
MORE = '[[gnu::noinline, gnu::section(".text.startup")]] void more() { std::fputs("", stdout); }\n'
# What it takes on an idle machine is below a second.
LONGEST = "40s"


class Hunt(LastcallTest):
    def hunt(self, program, *words, seed=1, options=(), budget=LONGEST):
        path = program if "/" in str(program) else PROGRAMS / program
        return lastcall("hunt", "--for", budget, "--seed", seed, *options, "--results", self.folder / "found", "--", path,
                        *words)

    def stopped(self, program, **more):
        return self.hunt(program, options=("--signal", "TERM"), **more)

    def assert_found(self, run, failure):
        self.assert_exit(1, run)
        self.assertRegex(run.out, f"found: {failure}")
        self.assertRegex(run.out, r"fails \d+ of \d+ \(")
        self.assertIn("hold", json.loads((self.folder / "found/plan.json").read_text())["says"])

    def replay(self, *words, plan="found"):
        return lastcall("replay", self.folder / plan, "--times", 12, "--json", *words)

    def test_of_a_server_finds_the_moment_for_the_signal_and_its_plan_replays(self):
        self.assert_found(self.stopped("race_closed_channel"), "SIGABRT")
        explained = (self.folder / "found/explanation.txt").read_text()
        self.assertRegex(explained, "(?s)held for .*ping.*then: SIGABRT")
        replay = self.replay()
        self.assert_exit(1, replay)
        answer = json.loads(replay.out)
        self.assertGreaterEqual(answer["came_back"], 8)
        self.assertLessEqual(answer["failed_without_holds"], 2)
        shrunk = lastcall("shrink", self.folder / "found", "--times", 12)
        self.assert_exit(1, shrunk)
        self.assertRegex(shrunk.out, r"hold .* `.+` \(.*\).* for \d+ ms: fails \d+ of \d+")
        self.assert_exit(1, self.replay(plan="found/shrunk"))

    def test_of_a_server_sends_sigterm_unless_told_otherwise(self):
        run = self.hunt("race_closed_channel", budget="20s")
        self.assert_found(run, "SIGABRT")
        self.assertIn("it does not end by itself: SIGTERM told it to", run.out)

    def test_finds_a_hang(self):
        self.assert_found(self.stopped("race_lock_order"), "hang")

    def test_of_a_google_test_needs_no_signal(self):
        self.assert_found(self.hunt("flaky_test", "--gtest_filter=Cache.IsReadWhileItIsCleared"), "exit code 1")
        answer = json.loads(self.replay().out)
        self.assertGreaterEqual(answer["came_back"], 8)

    def test_of_a_go_test_needs_no_signal(self):
        if not (PROGRAMS / "flaky_go_test").exists():
            self.skipTest("there is no Go here")
        self.assert_found(self.hunt("flaky_go_test", "-test.run=TestIsReadWhileItIsCleared"), "exit code 2: panic")

    def test_takes_a_line_of_output_for_a_failure(self):
        run = self.hunt("race_cut_checkpoint", options=("--signal", "TERM", "--failure", "was cut off"))
        self.assert_found(run, "output: was cut off")

    def test_for_the_failure_of_a_log_takes_no_other_and_begins_with_what_the_log_speaks_of(self):
        log = self.folder / "log"
        log.write_text("ready\nthe checkpoint was cut off\n")
        run = self.hunt("race_cut_checkpoint", options=("--signal", "TERM", "--log", log))
        self.assert_found(run, "exit code 3")
        self.assertRegex(run.out, r"the log speaks of [1-9]\d* functions")
        shutil.rmtree(self.folder / "found")
        log.write_text("ready\nlost 5 of 7 events\n")
        run = self.hunt("race_cut_checkpoint", options=("--signal", "TERM", "--log", log), budget="6s")
        self.assert_exit(0, run)
        self.assertRegex(run.out, r"[1-9]\d* failures did not end as the log does")

    def test_runs_a_companion_while_the_program_runs(self):
        companion = f"touch {self.folder}/was_there; sleep 48.11"
        run = self.hunt("race_closed_channel_fixed", budget="5s", options=("--signal", "TERM", "--with", companion))
        self.assertIn(run.code, (0, 3), run)  # 3: a busy machine had no time for more than the baseline
        self.assertTrue((self.folder / "was_there").exists())
        self.assertTrue(until(lambda: not subprocess.run(["pgrep", "-f", "sleep 48[.]11"], capture_output=True).stdout, 5))

    def test_of_a_right_program_says_what_was_tried_and_that_it_proves_nothing(self):
        run = self.stopped("race_closed_channel_fixed", budget="2s")
        self.assert_exit(0, run)
        self.assertRegex(run.out, r"sweep: \d+ trials, 0 failed; [1-9]\d* of \d+ holds reached")
        self.assertIn("found nothing. That is no bound", run.out)
        self.assertFalse((self.folder / "found/plan.json").exists())

    def test_that_cannot_act_says_so_and_is_no_evidence(self):
        source = self.folder / "silent.cpp"
        source.write_text("int main() { return 0; }\n")
        subprocess.run(["g++", "-static", "-s", "-o", self.folder / "silent", source], check=True)
        run = self.hunt(self.folder / "silent", budget="2s")
        self.assert_exit(3, run)
        self.assertIn("THE SEARCH NEVER ACTED", run.out)
        self.assertIn("build it with symbols", run.out)

    def test_of_a_program_that_always_fails_is_not_begun(self):
        run = self.hunt(shutil.which("false"))
        self.assert_exit(2, run)
        self.assertRegex(run.err, "fails by itself, in all of 5 runs.*exit code 1")
        self.assertNotEqual(2, self.hunt(shutil.which("false"), options=("--exit-code", 1), budget="1s").code)

    def test_of_what_cannot_be_run_breaks(self):
        run = self.hunt(self.folder / "nothing")
        self.assert_exit(4, run)
        self.assertIn("nothing", run.err)
        self.assert_exit(2, self.hunt("hunt_subject", options=("--signal", "NONE OF THESE")))

    def test_interrupted_leaves_nobody_behind(self):
        hunt = subprocess.Popen([LASTCALL, "hunt", "--for", "60s", "--", shutil.which("sleep"), "47.11"],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while b"47.11" not in subprocess.run(["ps", "-o", "args=", "--ppid", str(hunt.pid)], capture_output=True).stdout:
            self.assertIsNone(hunt.poll())
        hunt.send_signal(signal.SIGINT)
        began = time.monotonic()
        hunt.communicate(timeout=30)
        self.assertEqual(130, hunt.returncode)
        self.assertLess(time.monotonic() - began, 20)
        self.assertEqual(b"", subprocess.run(["pgrep", "-f", "sleep 47[.]11"], capture_output=True).stdout)


class Plans(LastcallTest):
    """Of a program that is replaced after the hunt."""

    def setUp(self):
        super().setUp()
        self.program = self.folder / "program"
        shutil.copy(PROGRAMS / "race_closed_channel", self.program)
        run = lastcall("hunt", "--for", LONGEST, "--seed", 1, "--signal", "TERM", "--results", self.folder / "found", "--",
                       self.program)
        self.assert_exit(1, run)

    def replay(self, what, *words):
        return lastcall("replay", what, "--times", 5, *words)

    def test_that_came_from_elsewhere_are_run_only_if_trusted(self):
        shutil.copytree(self.folder / "found", self.folder / "other")
        run = self.replay(self.folder / "other")
        self.assert_exit(2, run)
        self.assertIn("--trust", run.err)
        self.assertIn(f"runs: {self.program}", run.err)
        self.assert_exit(1, self.replay(self.folder / "other", "--trust"))

    def test_of_another_program_are_refused(self):
        shutil.copy(PROGRAMS / "hunt_subject", self.program)
        plan = self.folder / "found/plan.json"
        # Without a right end the other program fails before its places are looked for.
        plan.write_text(plan.read_text().replace('"usual_ends":["exit code 0"]', '"usual_ends":["exit code 64"]'))
        run = self.replay(plan)
        if f'"module":"{self.program}"' in plan.read_text().replace(" ", ""):
            self.assert_exit(2, run)
            self.assertRegex(run.err, "cannot find .* in .*program.*not the one that the plan was made for")
        else:  # a hold at a function of the C library, which every program has
            self.assert_exit(3, run)
            self.assertIn("did not reach every hold", run.out)

    def test_of_the_mended_program_do_not_fail_and_say_what_was_not_reached(self):
        shutil.copy(PROGRAMS / "race_closed_channel_fixed", self.program)
        run = self.replay(self.folder / "found")
        self.assertIn(run.code, (0, 2, 3), run)
        if run.code == 2:  # a function that the mend does not call any more
            self.assertRegex(run.err, "cannot find .*SendQueue::push.*build that one again, or run `lastcall hunt`")
        if run.code == 3:
            self.assertIn("did not reach every hold", run.out)

    def test_of_the_same_source_built_again_are_found_by_the_names_of_functions(self):
        source = (SOURCES / "closed_channel.cpp").read_text()
        builds = {"first": source, "second": source.replace("int main() {", MORE + "int main() {\n  more();")}
        for name, text in builds.items():
            (self.folder / f"{name}.cpp").write_text(text)
            subprocess.run(["g++", "-std=c++20", "-O2", "-g", "-Wl,--build-id", "-pthread", "-o", self.folder / name,
                            self.folder / f"{name}.cpp"], check=True)
        self.program.write_bytes((self.folder / "first").read_bytes())
        self.assert_exit(1, lastcall("hunt", "--for", LONGEST, "--seed", 1, "--signal", "TERM", "--results",
                                     self.folder / "again", "--", self.program))
        self.program.write_bytes((self.folder / "second").read_bytes())
        run = lastcall("replay", self.folder / "again", "--times", 10, "--json")
        self.assert_exit(1, run)
        self.assertGreaterEqual(json.loads(run.out)["came_back"], 8)

    def test_that_are_broken_are_refused_with_the_key(self):
        plan = self.folder / "found/plan.json"
        plan.write_text(plan.read_text().replace('"phase"', '"face"'))
        run = self.replay(plan)
        self.assert_exit(2, run)
        self.assertIn('it has no "phase"', run.err)


if __name__ == "__main__":
    unittest.main()
