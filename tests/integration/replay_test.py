"""A plan can be saved, read, edited and run again without the scenario that it was drawn from."""
import json
import os
import shutil
import unittest
import unittest.mock

from lastcall_cli import HTTP_CLIENT, LastcallTest, lastcall, scenario, serve


class Replay(LastcallTest):
    def plan(self, run, trial=0):
        return run.results / run.trials[trial]["directory"] / "plan.json"

    def replay(self, what, times=3):
        return lastcall("replay", what, "--times", times, "--results", self.folder / "replays")

    def test_of_a_failing_plan_says_its_rate_and_exits_1(self):
        run = self.run_server("--code", 5)
        replay = self.replay(self.plan(run).parent)
        self.assert_exit(1, replay)
        self.assertRegex(replay.out, r"failed 3 of 3 replays; rate [0-9.]+–100\.0 % at 95 %")
        self.assertRegex(replay.out, r"clean-exit: 3\n")

    def test_of_a_plan_that_holds_exits_0(self):
        replay = self.replay(self.plan(self.run_server()))
        self.assert_exit(0, replay)
        self.assertIn("failed 0 of 3 replays", replay.out)

    def test_does_not_need_the_scenario_file(self):
        run = self.run_server("--code", 5)
        (self.folder / "scenario.toml").unlink()
        self.assert_exit(1, self.replay(self.plan(run)))

    def test_prints_json(self):
        run = self.run_server("--code", 5)
        replay = lastcall("replay", self.plan(run), "--times", 2, "--json", "--results", self.folder / "replays")
        answer = json.loads(replay.out)
        self.assertEqual((2, 2, 0), (answer["came_back"], answer["judged"], answer["unknown"]))
        self.assertEqual({"clean-exit": 2}, answer["failures"])

    def test_uses_an_edited_plan(self):
        path = self.plan(self.run_server("--code", 5, signal='["SIGTERM", "SIGINT"]'))
        plan = json.loads(path.read_text())
        other = {"SIGTERM": "SIGINT", "SIGINT": "SIGTERM"}[plan["faults"][0]["signals"][0]["signal"]]
        plan["faults"][0]["signals"][0]["signal"] = other
        path.write_text(json.dumps(plan))
        self.assert_exit(1, self.replay(path, times=1))
        self.assertIn(f"signal {other} at", (self.folder / "replays" / "1" / "history.jsonl").read_text())

    def test_of_a_bad_plan_is_a_usage_error_with_its_place(self):
        path = self.plan(self.run_server())
        good = json.loads(path.read_text())
        bad_signal = {**good, "faults": [{**good["faults"][0], "signals": [{"signal": "SIGNONE", "after": "0s"}]}]}
        for text, place in ((json.dumps(bad_signal), "faults"), (path.read_text()[:100], "plan.json"),
                            (json.dumps({**good, "version": 99}), "version"), ("[]", "plan.json")):
            with self.subTest(place=place):
                path.write_text(text)
                replay = self.replay(path)
                self.assert_exit(2, replay)
                self.assertIn("plan.json", replay.err)
                self.assertIn(place, replay.err)

    def test_twice_begins_each_in_a_fresh_directory(self):
        once = "test ! -e traces || exit 77; echo > traces; exec " + " ".join(serve("--code", "5"))
        path = self.plan(self.run_scenario(scenario(["sh", "-c", once])))
        for number in "12":
            self.assert_exit(1, self.replay(path, times=1))
            self.assertNotIn("exit 77", (self.folder / "replays" / number / "verdict.json").read_text())

    def test_keeps_the_histories_of_earlier_ones(self):
        path = self.plan(self.run_server("--code", 5))
        self.replay(path, times=2)
        histories = [self.folder / "replays" / number / "history.jsonl" for number in "12"]
        before = [history.read_bytes() for history in histories]
        self.replay(path, times=1)
        self.assertEqual(before, [history.read_bytes() for history in histories])
        self.assertTrue((self.folder / "replays" / "3" / "history.jsonl").exists())

    def test_says_what_it_runs(self):
        environment = 'environment = { LD_PRELOAD = "{dir}/x.so" }\nfiles = { "a.sh" = "echo" }\n'
        run = self.run_scenario(scenario(["sh", "-c", "exec \u001b[2J; \u202e" + " ".join(serve())], environment=environment))
        said = self.replay(self.plan(run), times=1).err
        self.assertIn("This plan runs:\n  target: sh -c 'exec ?[2J; ???", said)
        self.assertIn("\n    with LD_PRELOAD='{dir}/x.so'\n  file for the target: a.sh, 4 bytes\n", said)
        self.assertIn("\n  clients clients-1: 1 of 'http://127.0.0.1:{port}/'\n", said)
        self.assertTrue(said.replace("\n", "").isprintable(), said)

    def assert_runs_only_with_trust(self, what, why):
        refused = self.replay(what, times=1)
        self.assert_exit(2, refused)
        self.assertIn("the plan may be somebody else's: " + why, refused.err)
        self.assertIn("add --trust", refused.err)
        self.assertFalse((self.folder / "replays").exists())
        self.assert_exit(1, lastcall("replay", what, "--trust", "--times", 1, "--results", self.folder / "replays"))
        shutil.rmtree(self.folder / "replays")

    def test_of_results_from_elsewhere_needs_trust(self):
        run = self.run_server("--code", 5)
        elsewhere = self.folder / "unpacked"
        shutil.copytree(run.results, elsewhere)
        self.assert_runs_only_with_trust(elsewhere / run.trials[0]["directory"], "it came from elsewhere")
        alone = self.folder / "plan.json"
        shutil.copy(self.plan(run), alone)
        self.assert_runs_only_with_trust(alone, "lastcall did not write it there")

    def test_of_another_scenario_needs_trust(self):
        path = self.plan(self.run_server("--code", 5))
        plan = json.loads(path.read_text())
        plan["scenario"]["text"] += "# and more\n"
        path.write_text(json.dumps(plan))
        self.assert_runs_only_with_trust(path, "it came from elsewhere, or its scenario is not the one")

    def test_of_the_plan_of_another_user_or_machine_needs_trust(self):
        path = self.plan(self.run_server("--code", 5))
        self.enterContext(unittest.mock.patch.dict(os.environ, XDG_STATE_HOME=str(self.folder / "state")))
        self.assert_runs_only_with_trust(path, "it came from elsewhere")

    def test_of_the_plan_of_a_replay_needs_no_trust(self):
        path = self.plan(self.run_server("--code", 5))
        self.replay(path, times=1)
        again = lastcall("replay", self.folder / "replays" / "1", "--times", 1)
        self.assert_exit(1, again)

    def test_of_what_is_no_regular_file_is_a_usage_error(self):
        fifo = self.folder / "fifo"
        os.mkfifo(fifo)
        for what in (fifo, "/dev/zero"):
            replay = lastcall("replay", what, limit=20)
            self.assert_exit(2, replay)
            self.assertIn("it is no regular file", replay.err)

    def test_of_a_missing_plan_is_a_usage_error(self):
        self.assert_exit(2, self.replay(self.folder / "nothing"))
        self.assert_exit(2, self.replay(self.folder))


class Seed(LastcallTest):
    def plans(self, seed, jobs=1):
        text = scenario(serve(), clients=HTTP_CLIENT + 'count = 3\nramp = "50ms"\n',
                        faults='[[faults]]\nwhat = "stop"\nwhen = { phase = "load", at = "0ms..200ms" }')
        run = self.run_scenario(text, "--seed", seed, "--jobs", jobs, trials=3)
        return [path.read_bytes() for path in sorted(run.results.glob("trials/*/plan.json"))]

    def test_the_same_draws_the_same_plans_to_the_byte(self):
        first = self.plans(7)
        self.assertEqual(3, len(set(first)))
        self.assertEqual(first, self.plans(7, jobs=2))

    def drawn(self, file, text):
        """The drawn faults and clients of two trials of a scenario in a file of this name."""
        path = self.folder / file
        path.write_text(text)
        results = self.folder / (path.stem + "-results")
        run = lastcall("run", path, "--trials", 2, "--seed", 7, "--keep", "all", "--results", results)
        self.assert_exit(0, run)
        plans = [json.loads(p.read_text()) for p in sorted(results.glob("trials/*/plan.json"))]
        return [(plan["seed"], plan["faults"], plan["clients"]) for plan in plans]

    def test_draws_by_what_the_scenario_says_not_by_its_file(self):
        text = scenario(serve(), faults='[[faults]]\nwhat = "stop"\nwhen = { phase = "load", at = "0ms..200ms" }')
        first = self.drawn("first.toml", text)
        self.assertEqual(2, len({str(plan) for plan in first}))
        self.assertEqual(first, self.drawn("copy.toml", text))
        self.assertEqual(first, self.drawn("said.toml", "# why\n" + text.replace('about = "a test"', 'about = "it"')))
        other = text.replace('deadline = "2s"', 'deadline = "3s"')
        self.assertNotEqual(first, self.drawn("other.toml", other))
        named = [self.drawn(f"{i}.toml", 'name = "one"\n' + text) for i, text in enumerate((text, other))]
        self.assertEqual(*named)
        self.assertNotEqual(first, named[0])

    def test_another_draws_others(self):
        self.assertTrue(set(self.plans(7)).isdisjoint(self.plans(8)))


if __name__ == "__main__":
    unittest.main()
