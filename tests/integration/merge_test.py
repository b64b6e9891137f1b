"""Shards of a campaign, and lastcall merge: what they make is what one machine would have made."""
import difflib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import unittest

from lastcall_cli import LASTCALL, SOURCE, LastcallTest, lastcall, scenario, serve, until

QUICK = '[[faults]]\nwhat = "stop"\nwhen = { phase = "load", at = "20ms" }\n'
# Every property whose verdict a busy machine, or a moment, decides; the rest is the same in every run.
STEADY = "".join(f'{name} = {{ judge = false, why = "it depends on the moment" }}\n' for name in (
    "serves", "deadline", "in-flight-finished", "stops-accepting", "close-handshake", "prompt-exit", "released",
    "no-send-on-closed", "overhead"))
SHARDS, TRIALS, SEED = 5, 7, 3
TIME = re.compile(r"(?<=SIGTERM at )\d+|(?<=python3 \()\d+|\d+(\.\d+)? (ms|s|µs|min)\b|time=\"[\d.]+\"|\d{4}-\d\d-\d\dT[\d:]+Z?")
# Of a moment: times, what happened to be under way, pids and ports.
MOMENTS = {"started_utc", "duration_ns", "overhead_ns", "stop_ns", "stop_moment", "idle_tail_ns", "idle_held_by", "idle_waits", "warnings",
           "evidence", "heard_instead", "answers", "habits", "judged", "connections", "not_judged", "silent", "not_tried"}


def without_moments(value):
    if isinstance(value, dict):
        return {key: without_moments(item) for key, item in value.items() if key not in MOMENTS}
    if isinstance(value, list):
        return [without_moments(item) for item in value]
    return TIME.sub("?", value) if isinstance(value, str) else value


class Shards(LastcallTest):
    def setUp(self):
        super().setUp()
        # Two scenarios, one of which fails: what is kept of its trials is copied.
        self.files = [self.write(scenario(serve(*options), faults=QUICK, properties=STEADY), name)
                      for options, name in (((), "right.toml"), (("--code", 5), "wrong.toml"))]

    def words(self, results, *options, trials=TRIALS):
        return ("run", *(file.name for file in self.files), "--trials", trials, "--seed", SEED, "--results", results, *options)

    def run_part(self, results, *options):
        return lastcall(*self.words(results, *options), cwd=self.folder)

    def steady(self, results):
        """The files of a results directory without what differs between two runs of one plan, in the same order."""
        folder = self.folder / results
        texts = {"report.json": without_moments(json.loads((folder / "report.json").read_text())),
                 "trials.jsonl": [without_moments(line) for line in self.trials(results)]}
        for name in ("report.md", "junit.xml"):
            texts[name] = TIME.sub("?", (folder / name).read_text())
        return {name: text if isinstance(text, str) else json.dumps(text, indent=1) for name, text in texts.items()}

    def test_shards_are_disjoint_and_together_the_whole(self):
        self.run_part("whole")
        whole = {(t["scenario"], t["trial"]): t["result"]["seed"] for t in self.trials("whole")}
        together = {}
        for number in range(1, SHARDS + 1):
            self.run_part(f"part{number}", "--shard", f"{number}/{SHARDS}")
            own = {(t["scenario"], t["trial"]): t["result"]["seed"] for t in self.trials(f"part{number}")}
            self.assertFalse(own.keys() & together.keys())
            self.assertIn(len(own), (2 * TRIALS // SHARDS, 2 * TRIALS // SHARDS + 1))
            together |= own
        self.assertEqual(whole, together)
        self.check_merged()

    def trials(self, results):
        return [json.loads(line) for line in (self.folder / results / "trials.jsonl").read_text().splitlines()]

    def merge(self, *parts):
        return lastcall("merge", *parts, "--results", "merged", cwd=self.folder)

    def check_merged(self):
        parts = [f"part{number}" for number in range(1, SHARDS + 1)]
        # A shard that was killed and run again: its first run is a part as good as any.
        run = self.start(*self.words("killed", "--shard", f"2/{SHARDS}"))
        log = self.folder / "killed" / "trials.jsonl"
        self.assertTrue(until(lambda: log.exists() and log.read_bytes().count(b"\n") > 0, 30))
        run.send_signal(signal.SIGKILL)
        run.wait()
        random.Random(1).shuffle(parts)
        (self.folder / "empty").mkdir()
        incomplete = self.merge(*parts[1:], "empty")
        self.assertIn("warning: empty holds no results; it is left out", incomplete.err)
        missing = int(parts[0][-1])
        self.assertIn("lastcall: missing in right.toml: ", incomplete.err)
        self.assertIn(f" of {TRIALS} trials: {missing}", incomplete.err)
        self.assertTrue(json.loads((self.folder / "merged/report.json").read_text())["interrupted"])
        shutil.rmtree(self.folder / "merged")
        merged = self.merge(*parts, "killed")
        self.assert_exit(1, merged)
        self.assertEqual("", merged.err)
        kept = {path.name for path in (self.folder / "merged/trials").iterdir()}
        # Its own plans stay its user's own.
        replay = lastcall("replay", self.folder / "merged/trials" / min(kept), "--times", 1, "--results", self.folder / "again")
        self.assertNotIn("--trust", replay.err)
        self.assert_exit(1, replay)
        self.assert_exit(1, lastcall("gate", self.folder / "merged", "--policy", self.write("", "gate.toml")))
        (self.folder / "merged").rename(self.folder / "kept")
        # Under the name that the merged ones have.
        shutil.rmtree(self.folder / "whole")
        self.run_part("merged")
        self.assert_same("kept", "merged")

    def assert_same(self, merged, whole):
        """Two results directories that were made under the same name, but for times."""
        expected = self.steady(whole)
        for name, text in self.steady(merged).items():
            difference = difflib.unified_diff(expected[name].splitlines(), text.splitlines(), "one machine", "merged", "", "", 2)
            self.assertEqual("", "\n".join(difference), name)
        trials = [{path.name for path in (self.folder / name / "trials").iterdir()} for name in (whole, merged)]
        self.assertEqual(*trials)

    def test_what_does_not_belong_is_refused(self):
        self.run_part("one", "--shard", "1/7")
        lastcall("run", "right.toml", "wrong.toml", "--trials", TRIALS, "--seed", 4, "--shard", "2/7", "--results", "seed",
                 cwd=self.folder)
        self.files[0].write_text(self.files[0].read_text() + "# changed\n")
        self.run_part("text", "--shard", "2/7")
        for other, why in (("seed", "it has the seed 4, not 3"), ("text", "it has another text of right.toml (SHA-256 ")):
            run = self.merge("one", other)
            self.assert_exit(2, run)
            self.assertIn(f"{other} does not belong to one: {why}", run.err)
            self.assertFalse((self.folder / "merged").exists())

    def test_a_shard_needs_a_seed_and_a_number_of_trials(self):
        for options, why in ((("--shard", "1/2"), "--shard needs --seed"),
                             (("--shard", "3/2", "--seed", 1), "expected a part such as 3/16, found '3/2'"),
                             (("--shard", "1/2", "--seed", 1, "--for", "1s"), "--for")):
            run = lastcall("run", self.files[0], *options, "--results", self.folder / "r")
            self.assert_exit(2, run)
            self.assertIn(why, run.err)

    def test_the_template_for_slurm_runs_a_shard_and_leaves_failures_to_the_gate(self):
        environment = {**os.environ, "PATH": f"{os.path.dirname(LASTCALL)}:{os.environ['PATH']}", "SLURM_ARRAY_TASK_ID": "2",
                       "SLURM_JOB_ID": "77", "SCENARIOS": "*.toml", "TRIALS": "4", "SHARDS": "5"}
        done = subprocess.run([SOURCE / "ci/templates/slurm.sh"], cwd=self.folder, env=environment, capture_output=True, text=True)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        # Of five shards the second: the second trial of the first scenario, the third of the second one.
        self.assertEqual([("right.toml", 3), ("wrong.toml", 6)],
                         sorted((trial["scenario"], trial["trial"]) for trial in self.trials("parts/2-77")))


if __name__ == "__main__":
    unittest.main()
