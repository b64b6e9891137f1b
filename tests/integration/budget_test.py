"""The judgement of the tests that spend a budget of trials (tests/budget.py), on campaigns written by hand."""
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import budget
import lastcall_cli
from budget import (LIMIT, is_contradicted, problems_of_catching, problems_of_catching_over_a_campaign,
                    problems_of_silence)
from detection.catalogue import Defect

HELD_UP = "3 of 9 requests got no answer; but lastcall itself lagged 82 ms in trial meanwhile"
DEFECT = Defect(must="deadline", may=frozenset({"clean-exit"}), culprit="main")


def verdict(name, outcome, reason=""):
    return {"property": name, "outcome": outcome, "reason": reason}


PASS = [verdict("deadline", "pass")]
FAIL = [verdict("deadline", "fail", "main hangs")]
LAGGED = [verdict("deadline", "unknown", HELD_UP)]
NOTHING = [verdict("deadline", "not-applicable")]


def campaign(*trials, judged=1, over_campaign="pass"):
    outcomes = {v["outcome"] for trial in trials for v in trial}
    code = 1 if "fail" in outcomes or over_campaign == "fail" else 3 if "unknown" in outcomes else 0
    fails = sum(v["outcome"] == "fail" for trial in trials for v in trial)
    found = {"name": "deadline", "required": True, "judged": judged, "verdict": over_campaign,
             "fail": fails + (over_campaign == "fail"), "first_reason": "it polls"}
    return SimpleNamespace(code=code, results=None, trials=[{"result": {"verdicts": trial}} for trial in trials],
                           report={"scenarios": [{"properties": [found]}]})


def script(*campaigns):
    """run(trials) that gives these campaigns in turn, then the last one for good; and how many trials each was asked for."""
    asked = []

    def run(trials):
        asked.append(trials)
        return campaigns[min(len(asked), len(campaigns)) - 1]
    return run, asked


class Silence(unittest.TestCase):
    def test_holds_if_every_trial_does(self):
        run, asked = script(campaign(PASS, PASS))
        self.assertEqual([], problems_of_silence(run, 2))
        self.assertEqual([2], asked)

    def test_a_trial_in_which_lastcall_was_held_up_is_run_again(self):
        run, asked = script(campaign(PASS, LAGGED, PASS), campaign(PASS))
        self.assertEqual([], problems_of_silence(run, 3))
        self.assertEqual([3, 1], asked)

    def test_not_for_ever(self):
        run, asked = script(campaign(LAGGED))
        self.assertIn("0 of 5 trials count, 1 are wanted", problems_of_silence(run, 1))
        self.assertEqual(LIMIT, len(asked))

    def test_one_failure_is_a_problem_whatever_the_others_say(self):
        run, _ = script(campaign(PASS, PASS, PASS, FAIL))
        self.assertIn("deadline fail: main hangs", problems_of_silence(run, 4))

    def test_what_could_not_be_judged_for_another_reason_is_a_problem(self):
        run, _ = script(campaign([verdict("deadline", "unknown", "events of trial were lost")]))
        self.assertIn("deadline unknown: events of trial were lost", problems_of_silence(run, 1))

    def test_a_property_may_not_fail_over_the_campaign(self):
        run, _ = script(campaign(PASS, over_campaign="fail"))
        self.assertIn("deadline failed: it polls", problems_of_silence(run, 1))

    def test_what_is_required_is_judged_at_least_once(self):
        run, _ = script(campaign(PASS, judged=0))
        self.assertIn("deadline is required, and had nothing to judge", problems_of_silence(run, 1))

    def test_a_property_that_must_pass_in_each_trial_does(self):
        run, _ = script(campaign(NOTHING))
        self.assertIn("0 of 5 trials count, 1 are wanted", problems_of_silence(run, 1, judges="deadline"))


class Catching(unittest.TestCase):
    def test_holds_if_every_trial_fails_as_it_must(self):
        run, asked = script(campaign(FAIL, FAIL))
        self.assertEqual([], problems_of_catching(DEFECT, run, 2))
        self.assertEqual([2], asked)

    def test_trials_with_nothing_to_judge_or_held_up_are_run_again(self):
        run, asked = script(campaign(FAIL, NOTHING, LAGGED), campaign(FAIL, FAIL))
        self.assertEqual([], problems_of_catching(DEFECT, run, 3))
        self.assertEqual([3, 2], asked)

    def test_a_miss_is_a_problem(self):
        run, _ = script(campaign(FAIL, FAIL, PASS))
        self.assertIn("missed in 1 of 3 trials", problems_of_catching(DEFECT, run, 3))

    def test_as_many_misses_as_the_stated_share_allows_are_none(self):
        run, _ = script(campaign(FAIL, FAIL, FAIL, FAIL, PASS), campaign(FAIL))
        self.assertEqual([], problems_of_catching(DEFECT._replace(share=0.9), run, 5))
        run, _ = script(campaign(FAIL, PASS, PASS, PASS, PASS))
        self.assertIn("missed in 4 of 5 trials", problems_of_catching(DEFECT._replace(share=0.9), run, 5))

    def test_another_property_may_fail_only_if_the_table_allows_it(self):
        run, _ = script(campaign(FAIL + [verdict("clean-exit", "fail")]))
        self.assertEqual([], problems_of_catching(DEFECT, run, 1))
        run, _ = script(campaign(FAIL + [verdict("serves", "fail", "never ready")]))
        self.assertIn("serves fail: never ready", problems_of_catching(DEFECT, run, 1))

    def test_the_reason_names_the_culprit(self):
        run, _ = script(campaign([verdict("deadline", "fail", "it hangs")]))
        self.assertIn("the reason does not match /main/: deadline fail: it hangs", problems_of_catching(DEFECT, run, 1))

    def test_never_caught_is_a_problem(self):
        run, asked = script(campaign(NOTHING))
        self.assertIn("caught in 0 of 5 trials, 1 are wanted", problems_of_catching(DEFECT, run, 1))
        self.assertEqual(LIMIT, len(asked))

    def test_the_exit_code_says_what_the_verdicts_say(self):
        wrong = campaign(FAIL)
        wrong.code = 0
        run, _ = script(wrong)
        self.assertNotEqual([], problems_of_catching(DEFECT, run, 1))


class CatchingOverACampaign(unittest.TestCase):
    def test_campaigns_grow_until_there_is_a_verdict(self):
        run, asked = script(campaign(NOTHING, over_campaign="not-applicable"), campaign(NOTHING, over_campaign="fail"))
        self.assertEqual([], problems_of_catching_over_a_campaign(DEFECT, run, 5))
        self.assertEqual([5, 10], asked)

    def test_a_pass_or_no_verdict_at_all_is_a_problem(self):
        run, _ = script(campaign(NOTHING, over_campaign="pass"))
        self.assertNotEqual([], problems_of_catching_over_a_campaign(DEFECT, run, 5))
        run, asked = script(campaign(NOTHING, over_campaign="not-applicable"))
        self.assertIn("deadline was never judged", problems_of_catching_over_a_campaign(DEFECT, run, 5))
        self.assertEqual(LIMIT, len(asked))


class Contradiction(unittest.TestCase):
    def test_is_what_the_binomial_distribution_finds_surprising(self):
        self.assertTrue(is_contradicted(1, missed=1, exercised=1000))
        self.assertFalse(is_contradicted(1, missed=0, exercised=1000))
        self.assertFalse(is_contradicted(0.9, missed=3, exercised=5))  # 0.9 %
        self.assertTrue(is_contradicted(0.9, missed=4, exercised=5))  # 0.05 %
        self.assertTrue(is_contradicted(0.9, missed=30, exercised=100))


class Kept(unittest.TestCase):
    def test_are_the_results_of_a_campaign_that_is_wrong_and_of_no_other(self):
        for trial, count in ((PASS, 0), (FAIL, 1)):
            with self.subTest(trial), tempfile.TemporaryDirectory() as folder:
                kept, results = Path(folder, "kept"), Path(folder, "right-1")
                results.mkdir()
                (results / "report.json").write_text("{}")
                one = campaign(trial)
                one.results, one.keep = results, lambda where: lastcall_cli.Run.keep(one, where)
                with mock.patch.object(budget, "KEPT", kept):
                    self.assertEqual(count, len(problems_of_silence(lambda _: one, 1)) // 2)
                self.assertEqual(count, len(list(kept.glob("right-1-*/report.json"))))


class WhichLastcall(unittest.TestCase):
    def test_is_the_one_that_a_long_run_puts_in_place_of_the_first(self):
        with mock.patch.object(lastcall_cli, "LASTCALL", "echo"):
            self.assertEqual("run it\n", lastcall_cli.lastcall("run", "it").out)


if __name__ == "__main__":
    unittest.main()
