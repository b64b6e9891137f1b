"""The results store: what a campaign keeps in it, whatever ends the campaign."""
import json
import os
import random
import signal
import sqlite3
import time
import unittest

from lastcall_cli import LastcallTest, lastcall, scenario, serve, until

QUICK = '[[faults]]\nwhat = "stop"\nwhen = { phase = "load", at = "20ms" }\n'


def rows(store, query):
    # Not as a file that may be written: a test must not repair what it looks at.
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as connection:
        return connection.execute(query).fetchall()


class Store(LastcallTest):
    def test_it_says_what_the_reports_say(self):
        run = self.run_scenario(scenario(serve("--code", 5)), "--target-version", "1.2", trials=2)
        store = run.results / "results.sqlite"
        self.assertEqual([(1, "fail"), (2, "fail")], rows(store, "SELECT number, outcome FROM trials ORDER BY number"))
        for (text,), line in zip(rows(store, "SELECT result FROM trials ORDER BY number"), run.trials):
            self.assertEqual(line["result"], json.loads(text))
        plans = [json.loads(plan) for plan, in rows(store, "SELECT plan FROM trials")]
        self.assertEqual([json.loads((run.results / t["directory"] / "plan.json").read_text()) for t in run.trials], plans)
        (seed, exit_code, ended, machine), = rows(store, "SELECT seed, exit_code, ended_utc, machine FROM campaigns")
        self.assertEqual((run.report["seed"], 1), (seed, exit_code))
        self.assertRegex(ended, r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(os.uname().nodename, json.loads(machine)["name"])
        (build, version), = rows(store, "SELECT target_build, target_version FROM scenarios")
        self.assertRegex(build, r"^python[\d.]* (build-id|sha256) [0-9a-f]+, serve\.py sha256 [0-9a-f]{64}$")
        self.assertEqual("1.2", version)
        self.assertEqual(["results.sqlite"], [path.name for path in run.results.glob("results.sqlite*")])

    def test_one_is_kept_over_time_and_two_campaigns_write_to_it_at_once(self):
        store = self.folder / "all.sqlite"
        text = self.write(scenario(serve(), faults=QUICK))
        runs = [self.start("run", text, "--trials", 4, "--seed", seed, "--store", store, "--results", self.folder / f"r{seed}")
                for seed in (1, 2)]
        for run in runs:
            self.assertIn(run.wait(120), (0, 3))
        self.assertEqual([("1", 4), ("2", 4)], rows(
            store, "SELECT campaigns.seed, count(*) FROM campaigns JOIN trials ON campaign = campaigns.id GROUP BY 1 ORDER BY 1"))
        self.assertEqual(4, rows(self.folder / "r1/results.sqlite", "SELECT count(*) FROM trials")[0][0])

    def test_a_damaged_store_is_refused_before_anything_runs(self):
        for content, code, word in ((b"SQLite format 3\0" + b"x" * 5000, 4, "is damaged"), (b"a letter" * 99, 4, "is damaged")):
            store = self.folder / "all.sqlite"
            store.write_bytes(content)
            results = self.folder / "r"
            run = lastcall("run", self.write(scenario(serve())), "--trials", 1, "--store", store, "--results", results)
            self.assert_exit(code, run)
            self.assertIn(word, run.err)
            self.assertIn("it was left as it is", run.err)
            self.assertEqual(content, store.read_bytes())
            self.assertFalse((results / "trials.jsonl").exists())
            self.assert_exit(code, lastcall("gate", store, "--policy", self.write("", "gate.toml")))

    def interrupt(self, name, number, moment, trials=1000):
        """A campaign that gets the signal once `moment(log)` returns. It may be over by then, or not have begun. Then the store
        opens, and has what was said to be done. Returns how many trials that were, and how many the store has."""
        text = self.write(scenario(serve(), faults=QUICK, environment=self.marked_environment()))
        policy = self.write('[gate]\nfails_at_most = "90 %"\nunknown_at_most = "100 %"\n', "gate.toml")
        results = self.folder / name
        log, store = results / "trials.jsonl", results / "results.sqlite"
        run = self.start("run", text, "--trials", trials, "--jobs", 2, "--results", results)
        moment(log)
        run.send_signal(number)
        code = run.wait(30)
        lines = log.read_text().splitlines(keepends=True) if log.exists() else []
        said = {json.loads(line)["trial"] for line in lines if line.endswith("\n")}
        if not store.exists():
            self.assertEqual(set(), said)
            return 0, 0
        # lastcall first, because reading as anybody else may tidy up what a killed one has left.
        gate = lastcall("gate", results, "--policy", policy)
        if not said and gate.code == 2:
            self.assertRegex(gate.err, "is empty: no campaign has begun|no campaign has begun in the store")
            return 0, 0
        (ended, interrupted), = rows(store, "SELECT ended_utc IS NOT NULL, coalesce(interrupted, 0) FROM campaigns")
        # A signal may also end lastcall itself, as it begins and as it writes the reports.
        self.assertEqual((1, 1) if code in (130, 143) else (1, 0) if code in (0, 3) else (ended, 0), (ended, interrupted), f"exit {code}")
        if not ended:
            self.assertLess(code, 0)
        if not ended or interrupted:
            self.assert_exit(3, gate)
            self.assertIn("was interrupted" if ended else "was cut short", gate.out)
        kept = {trial for trial, in rows(store, "SELECT number FROM trials")}
        self.assertLessEqual(said, kept)
        self.assertEqual([("ok",)], rows(store, "PRAGMA integrity_check"))
        report = json.loads(lastcall("report", store, "--format", "json").out)
        self.assertEqual(len(kept), len(report["scenarios"][0]["trials"]))
        return len(said), len(kept)

    def test_whatever_interrupts_a_campaign_what_was_done_is_there(self):
        draw = random.Random(5)
        for attempt, number in enumerate((signal.SIGKILL, signal.SIGTERM, signal.SIGINT) * 2):
            with self.subTest(attempt=attempt, number=number):
                wanted = draw.randint(1, 4)

                def after_some_trials(log):
                    self.assertTrue(until(lambda: log.exists() and log.read_bytes().count(b"\n") >= wanted, 30))
                    time.sleep(draw.random() * 0.1)
                said, _ = self.interrupt(f"r{attempt}", number, after_some_trials)
                self.assertGreaterEqual(said, wanted)
        self.assert_nobody_is_left(10)


if __name__ == "__main__":
    unittest.main()
