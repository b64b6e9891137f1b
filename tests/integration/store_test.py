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
# How often an interrupted campaign is tried; LASTCALL_INTERRUPTS says another number.
INTERRUPTS = int(os.environ.get("LASTCALL_INTERRUPTS", 6))


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

    def test_whatever_interrupts_a_campaign_what_was_done_is_there(self):
        draw = random.Random(5)
        text = self.write(scenario(serve(), faults=QUICK, environment=self.marked_environment()))
        policy = self.write('[gate]\nfails_at_most = "90 %"\nunknown_at_most = "100 %"\n', "gate.toml")
        for attempt in range(INTERRUPTS):
            number = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)[attempt % 3]
            with self.subTest(attempt=attempt, number=number):
                results = self.folder / f"r{attempt}"
                run = self.start("run", text, "--trials", 1000, "--jobs", 2, "--results", results)
                log = results / "trials.jsonl"
                wanted = draw.randint(1, 4)
                self.assertTrue(until(lambda: log.exists() and log.read_bytes().count(b"\n") >= wanted, 30))
                time.sleep(draw.random() * 0.1)
                run.send_signal(number)
                self.assertEqual({signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}[number], run.wait(20))
                said = {json.loads(line)["trial"] for line in log.read_text().splitlines(keepends=True) if line.endswith("\n")}
                # lastcall first, because reading as anybody else may tidy up what a killed one has left.
                gate = lastcall("gate", results, "--policy", policy)
                self.assert_exit(3, gate)
                self.assertIn("was cut short" if number == signal.SIGKILL else "was interrupted", gate.out)
                store = results / "results.sqlite"
                kept = {trial for trial, in rows(store, "SELECT number FROM trials")}
                self.assertLessEqual(said, kept)
                self.assertGreaterEqual(len(said), wanted)
                self.assertEqual([("ok",)], rows(store, "PRAGMA integrity_check"))
        self.assert_nobody_is_left(10)


if __name__ == "__main__":
    unittest.main()
