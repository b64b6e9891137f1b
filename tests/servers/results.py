"""Results that outlast what happens to campaigns, and what is decided by them:
- a campaign is interrupted 100 times, at any moment between its first instruction and its end;
- a campaign of 16 shards, which run in any order, some killed and run again, is that of one machine;
- the reference server against itself, and against itself with a bug in one stop of 50: `compare` and `gate`.
Writes reports/evidence/results.json and .md.

LASTCALL_SCALE divides the counts. Words on the command line: only these parts (interrupts, shards, gate)."""
import json
import os
import random
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import evidence
from integration import merge_test, store_test
from lastcall_cli import LASTCALL, lastcall, temporary_folder, until

SCALE = int(os.environ.get("LASTCALL_SCALE", "1"))
SEED = int(os.environ.get("LASTCALL_SEED", random.randrange(1 << 32)))
COMMAND = "ctest --preset release -L long -R long.results"
INTERRUPTS = max(6, 100 // SCALE)
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
SHARDS = 16
KILLED = 5           # of the shards
SHARD_TRIALS = max(16, 64 // SCALE)  # of each of two scenarios
AT_ONCE = 4
ONE_IN = 50
# Of the server with the bug 24 of these fail. Fewer than 10, which `compare` may not tell from chance, is one case in 1,000.
TRIALS = max(50, 1200 // SCALE)
FEW, SOME = max(25, 100 // SCALE), max(40, 600 // SCALE)
NAMES = {"base": "reference", "again": "reference", "few": "with the bug", "some": "with the bug", "many": "with the bug"}

GATE = '''[gate]
fails_at_most = "1 %"
unknown_at_most = "50 %"
'''
# What fails by a busy machine is not what this is about.
STOPS = '''about = "The reference server, which may have a bug in some stops"
crowd = "none"
[target]
command = ["./server", "--port", "{port}", "--state", "{dir}/state"]
environment = { APP_SHUTDOWN_TIMEOUT_SECS = "4" }
ready = { url = "http://127.0.0.1:{port}/health" }
stop = { signal = "SIGTERM", deadline = "2s", exit = 0 }
[[clients]]
url = "http://127.0.0.1:{port}/slow?ms=5"
count = 2
pace = "5ms..20ms"
status = 200
[[faults]]
what = "stop"
when = { phase = "load", at = "0ms..60ms" }
[properties]
require = ["clean-exit"]
overhead = { judge = false, why = "not asked here" }
prompt-exit = { judge = false, why = "not asked here" }
'''

ABOUT = """# Results, whatever happens to campaigns, and what is decided by them

"""


def case(of):
    """A test case with its folder, outside a test run."""
    made = of("id")
    made.setUp()
    return made


def interrupts():
    """Half of the campaigns have so few trials that they end by themselves at about the moment of the signal."""
    draw, test = random.Random(SEED), case(store_test.Store)
    found = {word: 0 for word in ("before anything was said", "during trials", "after the end", "trials said", "trials in stores")}
    try:
        for attempt in range(INTERRUPTS):
            name, trials = f"r{attempt}", 1000 if attempt % 2 else 3
            said, kept = test.interrupt(name, SIGNALS[attempt % 3], lambda _: time.sleep(draw.uniform(0, 2.5)), trials)
            results = test.folder / name
            ended = (results / "report.json").exists() and not json.loads((results / "report.json").read_text())["interrupted"]
            found["before anything was said" if said == 0 else "after the end" if ended else "during trials"] += 1
            found["trials said"] += said
            found["trials in stores"] += kept
            subprocess.run(["rm", "-rf", results], check=True)
        test.assert_nobody_is_left(10)
    finally:
        test.doCleanups()
    return {"interruptions": INTERRUPTS, "seed": SEED, **found}


def shards():
    draw, test = random.Random(SEED), case(merge_test.Shards)
    try:
        waiting = [(number, f"part{number}") for number in range(1, SHARDS + 1)]
        killed = draw.sample(range(1, SHARDS + 1), KILLED)
        waiting += [(number, f"killed{number}") for number in killed]
        draw.shuffle(waiting)
        running, parts, cut = [], [], 0
        while waiting or running:
            while waiting and len(running) < AT_ONCE:
                number, name = waiting.pop()
                run = test.start(*test.words(name, "--shard", f"{number}/{SHARDS}", trials=SHARD_TRIALS))
                parts.append(name)
                if name.startswith("killed"):
                    until(lambda log=test.folder / name / "trials.jsonl": log.exists() and log.stat().st_size > 0, 60)
                    time.sleep(draw.uniform(0, 0.3))
                    run.kill()
                    cut += run.wait() == -signal.SIGKILL
                else:
                    running.append(run)
            for run in running:
                assert run.poll() in (None, 1, 3), f"a shard ended with {run.returncode}"
            running = [run for run in running if run.returncode is None]
            time.sleep(0.02)
        draw.shuffle(parts)
        parts = [name for name in parts if (test.folder / name / "results.sqlite").exists()]
        merged = lastcall("merge", *parts, "--results", "merged", cwd=test.folder)
        assert merged.code == 1 and merged.err == "", str(merged)
        (test.folder / "merged").rename(test.folder / "kept")
        lastcall(*test.words("merged", trials=SHARD_TRIALS), cwd=test.folder)  # one after the other, in order
        test.assert_same("kept", "merged")
        compared = sum(len(text) for text in test.steady("kept").values())
        return {"shards": SHARDS, "seed": SEED, "trials": 2 * SHARD_TRIALS, "killed": cut, "order": parts, "bytes_compared": compared}
    finally:
        test.doCleanups()


def server(folder, *words):
    """./server of a scenario in that folder."""
    folder.mkdir()
    tools = Path(LASTCALL).resolve().parent
    (folder / "server").write_text(f'#!/bin/sh\nexec {shlex.quote(str(tools / words[0]))} {shlex.join(words[1:])} "$@"\n')
    (folder / "server").chmod(0o755)
    (folder / "stop.toml").write_text(STOPS)


def clean_exit(results):
    report = json.loads((results / "report.json").read_text())
    return next(one for one in report["scenarios"][0]["properties"] if one["name"] == "clean-exit")


def asked(results, policy):
    run = lastcall("gate", results, "--policy", policy, "--json")
    said = json.loads(run.out)
    found = next(one for one in said["findings"] if (one["property"], one["rule"]) == ("clean-exit", "fails_at_most"))
    return {"exit_code": run.code, "standing": found["standing"], "text": found["text"], "more_clean_trials": found["more_clean_trials"]}


def gate():
    found = {"one_in": ONE_IN, "campaigns": {}}
    with temporary_folder() as name:
        folder = Path(name)
        policy = folder / "gate.toml"
        policy.write_text(GATE)
        server(folder / "base", "reference_server")
        server(folder / "head", "defective_server", "--defect", "exit1", "--one-in", str(ONE_IN))
        for build, results, trials in (("base", "base", TRIALS), ("base", "again", TRIALS), ("head", "few", FEW), ("head", "some", SOME),
                                      ("head", "many", TRIALS)):
            run = lastcall("run", "stop.toml", "--trials", trials, "--jobs", AT_ONCE, "--keep", "none", "--results", folder / results,
                           cwd=folder / build, limit=3600)
            assert run.code in (0, 1, 3), str(run)
            counts = clean_exit(folder / results)
            found["campaigns"][results] = {
                "build": build, "trials": trials, "failed": counts["fail"], "seconds": round(run.seconds),
                "not_clean": {one["name"]: [one["fail"], one["unknown"]] for one in run.report["scenarios"][0]["properties"]
                              if one["fail"] or one["unknown"]},
                "gate": asked(folder / results, policy)}
            print(results, found["campaigns"][results], flush=True)
        until_gate = lastcall("run", "stop.toml", "--until-gate", policy, "--jobs", AT_ONCE, "--keep", "none", "--results",
                              folder / "until", cwd=folder / "head", limit=3600)
        found["until_gate"] = {"trials": len(until_gate.trials), "failed": clean_exit(folder / "until")["fail"],
                               "exit_code": until_gate.code}
        found["compare"] = {}
        for head in ("again", "few", "some", "many"):
            run = lastcall("compare", folder / "base", folder / head, "--json")
            one = next(one for one in json.loads(run.out)["scenarios"][0]["properties"] if one["property"] == "clean-exit")
            found["compare"][head] = {"exit_code": run.code, **one}
    return found


def wrong_in(found):
    """What must not be. Chance does it in one of 1,000 runs."""
    wrong = []
    compare, campaigns = found["compare"], found["campaigns"]
    if compare["again"]["change"] == "worse":
        wrong.append("compare says that the reference server got worse than itself")
    for name in ("base", "again"):
        if campaigns[name]["failed"]:
            wrong.append(f"the reference server failed in {name}")
    if SCALE == 1 and compare["many"]["change"] != "worse":
        wrong.append(f"compare does not see {campaigns['many']['failed']} failures in {TRIALS}")
    if any(campaigns[name]["failed"] and campaigns[name]["gate"]["standing"] == "passed" for name in ("few", "some", "many")):
        wrong.append("the gate passes more failures than it allows")
    return wrong


def markdown(content):
    text = ABOUT
    if one := content.get("interrupts"):
        text += (f"## Interrupted\n\n{one['interruptions']} campaigns got SIGKILL, SIGTERM or SIGINT between 0 and 2.5 s after their "
                 f"start: {one['before anything was said']} before a trial was said to be done, {one['during trials']} during trials, "
                 f"{one['after the end']} after the end. Each store opened. trials.jsonl said that {one['trials said']} trials were done; "
                 f"the stores have all of them, {one['trials in stores']} in all.\n\n")
    if one := content.get("shards"):
        text += (f"## Shards\n\n{one['shards']} shards of a campaign of {one['trials']} trials ran as processes, {AT_ONCE} at once, in an order drawn at "
                 f"random; {one['killed']} were killed after their first trial and run again, and what the killed ones left was merged, "
                 f"too. report.json, trials.jsonl, report.md, junit.xml and the kept trials are those of one machine but for times: "
                 f"{one['bytes_compared']:,} bytes compared.\n\n")
    if one := content.get("gate"):
        text += (f"## One stop in {one['one_in']}\n\nThe reference server, and the same with exit code 1 in one of {one['one_in']} runs. "
                 "The policy: at most 1 %, at 95 %.\n\n")
        rows = [(NAMES[name], run["trials"], run["failed"],
                 run["gate"]["standing"], run["gate"]["text"], run["gate"]["more_clean_trials"] or "") for name, run in one["campaigns"].items()]
        text += evidence.table(["server", "trials", "failed", "gate", "what it says of clean-exit", "more clean trials"], rows)
        text += (f"\n`run --until-gate` of the server with the bug ended after {one['until_gate']['trials']} trials, "
                 f"{one['until_gate']['failed']} of which failed, with exit code {one['until_gate']['exit_code']}.\n\n")
        rows = [(NAMES[name], run["head"]["trials"], run["change"],
                 f"{run['base']['failures']} of {run['base']['trials']}", f"{run['head']['failures']} of {run['head']['trials']}",
                 f"{run['p']:.2g}", f"{run['corrected_p']:.2g}", run["exit_code"]) for name, run in one["compare"].items()]
        text += "`compare` with the first campaign:\n\n" + evidence.table(
            ["server", "trials", "clean-exit", "base", "head", "p", "p, corrected", "exit code"], rows)
    return text


def main():
    content = {**evidence.load("results"), **evidence.header(COMMAND)}
    parts = {"interrupts": interrupts, "shards": shards, "gate": gate}
    for name in sys.argv[1:] or parts:
        begin = time.monotonic()
        content[name] = {"build": content["build"], **parts[name](), "seconds": round(time.monotonic() - begin)}
        evidence.save("results", content, markdown(content))
        print(name, content[name], flush=True)
    print(markdown(content))
    wrong = wrong_in(content["gate"]) if "gate" in content else []
    print(*wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
