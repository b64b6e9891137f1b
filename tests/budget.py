"""A budget of trials. A test wants a number of trials that count, and runs up to LIMIT times as many to get them: a
trial in which lastcall itself was held up is run again, because on a busy machine that happens to a right server and a
wrong one alike. All else is strict. A property that may not fail may not fail once, and each trial that misses a defect
is held against the share of trials that is stated to catch it."""
import itertools
import math
import re
import tempfile
from pathlib import Path

from lastcall_cli import KEPT, is_held_up, lastcall

LIMIT = 5
# So unlikely at most is what a test reports as a contradiction of a stated share.
SURPRISE = 0.001


def text(verdict):
    return f"{verdict['property']} {verdict['outcome']}: {verdict['reason']}"


def verdicts(trial):
    return trial["result"]["verdicts"]


def broken_promises(trial, expected=()):
    """What failed or could not be judged although the target keeps it, in words; `expected` are not looked at."""
    return [text(v) for v in verdicts(trial)
            if v["outcome"] in ("fail", "unknown") and not is_held_up(v) and v["property"] not in expected]


def wrongs(run, defect):
    """What contradicts the defect's row in each trial of a campaign, but for what was held up; in words."""
    for trial in run.trials:
        yield from broken_promises(trial, {defect.must} | defect.may)
        verdict = next(v for v in verdicts(trial) if v["property"] == defect.must)
        if verdict["outcome"] == "fail" and not re.search(defect.culprit, verdict["reason"]):
            yield f"the reason does not match /{defect.culprit}/: {text(verdict)}"


def is_contradicted(share, missed, exercised):
    """Whether this many misses contradict the share of trials that catch: P(X >= missed) of a binomial distribution."""
    if share == 1 or missed == 0:
        return missed > 0
    return sum(math.comb(exercised, k) * (1 - share) ** k * share ** (exercised - k)
               for k in range(missed, exercised + 1)) < SURPRISE


def campaigns_of(scenario, folder, jobs=2):
    """`run(trials)` for what follows; the results lie in the folder."""
    numbers = itertools.count(1)
    return lambda trials: lastcall("run", scenario, "--trials", trials, "--jobs", jobs, "--keep", "failed", "--results",
                                   f"{folder}/{Path(scenario).stem}-{next(numbers)}")


def shown(campaign):
    """A campaign that a test found something wrong with, in words; its results stay."""
    if not campaign.results or not campaign.results.exists():
        return str(campaign)
    try:
        KEPT.mkdir(exist_ok=True)
        folder = tempfile.mkdtemp(prefix=f"{campaign.results.name}-", dir=KEPT)
        campaign.keep(folder)
    except OSError as problem:  # of another user
        return f"{campaign}\nnot kept: {problem}"
    return f"{campaign}\nkept in {folder}"


class Budget:
    """Campaigns of one scenario."""

    def __init__(self, run, wanted):
        self.run, self.wanted = run, wanted
        self.runs = []

    @property
    def trials(self):
        return sum(len(run.trials) for run in self.runs)

    def campaigns(self, missing):
        """Runs campaigns of `missing()` trials until that is none, or the budget is spent."""
        while (count := missing()) > 0 and self.trials < LIMIT * self.wanted:
            campaign = self.run(count)
            self.runs.append(campaign)
            yield campaign
            if not campaign.trials:
                return

    def __str__(self):
        return "\n".join(map(shown, self.runs))


def problems_of_silence(run, wanted, judges=None):
    """What is wrong with a target that keeps every promise in `wanted` trials; empty if nothing is. A property that
    `judges` names must pass in each of them."""
    budget, silent, judged = Budget(run, wanted), 0, {}

    def counts(trial):
        found = verdicts(trial)
        return not any(map(is_held_up, found)) and all(v["outcome"] == "pass" for v in found if v["property"] == judges)

    def missing():
        return max(wanted - silent, wanted if 0 in judged.values() else 0)

    for campaign in budget.campaigns(missing):
        problems = [problem for trial in campaign.trials for problem in broken_promises(trial)]
        for found in campaign.report["scenarios"][0]["properties"]:
            if found["fail"] > 0:  # also of what is judged over the campaign
                problems.append(f"{found['name']} failed: {found['first_reason']}")
            if found["required"]:
                judged[found["name"]] = judged.get(found["name"], 0) + found["judged"]
        if problems or campaign.code not in (0, 3):
            return [*problems, shown(campaign)]
        silent += sum(map(counts, campaign.trials))
    problems = [f"{name} is required, and had nothing to judge" for name, count in judged.items() if count == 0]
    if silent < wanted:
        problems.append(f"{silent} of {budget.trials} trials count, {wanted} are wanted")
    return problems and [*problems, str(budget)]


def problems_of_catching(defect, run, wanted):
    """What is wrong with how a defect is caught in `wanted` trials; empty if nothing is."""
    budget, caught, missed = Budget(run, wanted), 0, []
    for campaign in budget.campaigns(lambda: wanted - caught):
        of_defect = [v for trial in campaign.trials for v in verdicts(trial) if v["property"] == defect.must]
        caught += sum(v["outcome"] == "fail" for v in of_defect)
        missed += [text(v) for v in of_defect if v["outcome"] in ("pass", "unknown") and not is_held_up(v)]
        problems = list(wrongs(campaign, defect))
        if is_contradicted(defect.share, len(missed), caught + len(missed)):
            problems += [f"missed in {len(missed)} of {caught + len(missed)} trials", *missed]
        fails = any(v["outcome"] == "fail" for trial in campaign.trials for v in verdicts(trial))
        if problems or campaign.code not in ((1,) if fails else (0, 3)):
            return [*problems, shown(campaign)]
    if caught < wanted:
        return [f"caught in {caught} of {budget.trials} trials, {wanted} are wanted", *missed, str(budget)]
    return []


def problems_of_catching_over_a_campaign(defect, run, wanted):
    """The same of a property that is judged over a campaign, of `wanted` trials or of more if some cannot be measured."""
    for factor in range(1, LIMIT + 1):
        campaign = run(factor * wanted)
        problems = list(wrongs(campaign, defect))
        found = next(p for p in campaign.report["scenarios"][0]["properties"] if p["name"] == defect.must)
        if found["verdict"] == "fail" and campaign.code == 1 and not problems:
            return []
        if found["verdict"] not in ("not-applicable", "unknown") or problems:
            return [*problems, shown(campaign)]
    return [f"{defect.must} was never judged", shown(campaign)]
