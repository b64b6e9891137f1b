"""A plan can be saved, read, edited and run again without the scenario that it was drawn from."""
import json
import unittest

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
