"""Test suites of Go, CPython, Node and the JVM: plain and below `lastcall autopsy`, in turn. Each case must end as it does
without lastcall. Go's and CPython's are their own; the packages of Node and the JVM ship none, so those are ours
(tests/servers/smoke). Writes reports/evidence/transparent.json and .md. Resumable, as the long run. Words on the command
line: only these suites. CPython's tests are Debian's package libpython3.11-testsuite."""
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
import xml.etree.ElementTree as xml
from pathlib import Path
from typing import NamedTuple

import evidence
from lastcall_cli import LASTCALL, SOURCE, temporary_folder

COMMAND = "ctest --preset release -L long -R long.transparent"
SMOKE = SOURCE / "tests" / "servers" / "smoke"
PAIRS = 2
# How often a case that differs runs by itself, plain and traced, before it is believed.
ALONE = 10
# Go's package net takes 140 s where no name server answers; test_asyncio 260 s on a loaded machine. A case that hangs
# is ended here.
LIMIT = 1200  # seconds
KEPT = 2000  # bytes of the output of a case that differs
MISSING = "missing"
GO = ("os/signal", "os/exec", "os", "syscall", "net")
PYTHON = ("test_signal", "test_subprocess", "test_asyncio", "test_ssl")
# Cases that look at their tracer, and so rightly differ: case -> why.
SEES_THE_TRACER = {}
# As a shell starts a command: in a session and a process group that is not the command's own, as below lastcall.
PLAIN = ("sh", "-c", '"$@"; exit $?', "sh")
GO_RESULT = re.compile(r"--- (PASS|FAIL|SKIP): (\S+) \([\d.]+s\)")
TAP_RESULT = re.compile(r"^(ok|not ok) (?:\d+ - )?(.*?)( # SKIP.*)?$", re.MULTILINE)
WHY_LONGER = """
What lastcall looks at takes longer: a system call that opens, closes or removes a file stops twice, and the stack of a
child that a signal ends is read. In Go's `os` it is the cases that make, open and remove thousands of files, and the one
whose children end by SIGPIPE (each 0.1 to 0.6 s longer, one run on a busy machine); the others wait, as they do without.
"""
OUTCOMES = {"PASS": "passed", "FAIL": "failed", "SKIP": "skipped", "ok": "passed", "not ok": "failed"}


class Missing(Exception):
    """Why a suite cannot be run here."""


class Case(NamedTuple):
    outcome: str
    text: str = ""  # what was printed about it


class Suite(NamedTuple):
    version: str
    command: object  # further words -> all words
    only: object  # the name of a case -> further words that run it alone
    read: object  # what it printed -> {name: Case}
    folder: Path  # where it runs
    environment: dict = {}


def said(*words, **more):
    return subprocess.run(words, capture_output=True, text=True, **more).stdout.strip()


# --- what was printed ---

def go_cases(output):
    found = {}
    for result in GO_RESULT.finditer(output):
        begin = output.rfind(f"=== RUN   {result[2]}\n", 0, result.start())
        end = output.find("\n=== ", result.end())
        found[result[2]] = Case(OUTCOMES[result[1]], output[max(begin, 0):end if end >= 0 else None])
    return found


def tap_cases(output):
    results = list(TAP_RESULT.finditer(output))
    ends = [one.start() for one in results[1:]] + [len(output)]
    return {one[2]: Case("skipped" if one[3] else OUTCOMES[one[1]], output[one.start():end])
            for one, end in zip(results, ends)}


def junit_cases(path):
    """Several of one name, such as subtests: the worst."""
    found = {}
    try:
        cases = xml.parse(path).iter("testcase")
    except (OSError, xml.ParseError):  # it crashed before
        return found
    for one in cases:
        failed = [child for child in one if child.tag in ("failure", "error")]
        outcome = "failed" if failed else "skipped" if one.find("skipped") is not None else "passed"
        if one.get("name") not in found or failed:
            found[one.get("name")] = Case(outcome, "".join(child.text or "" for child in failed))
    path.unlink()
    return found


# --- the suites ---

def go_suite(package, folder):
    go = shutil.which("go")
    if not go:
        raise Missing("there is no go")
    environment = {"GOCACHE": f"{folder}/go", "GOTOOLCHAIN": "local", "GOPROXY": "off", "GOFLAGS": ""}
    source = Path(said(go, "env", "GOROOT"), "src", package)
    if not list(source.glob("*_test.go")):
        raise Missing(f"no tests in {source}: golang-src")
    program = folder / package.replace("/", "_")
    done = subprocess.run([go, "test", "-c", "-o", program, package], cwd=folder, env={**os.environ, **environment},
                          capture_output=True, text=True)
    if done.returncode:
        raise Missing(f"go test -c {package}: {done.stderr.strip()}")

    def only(name):
        return ["-test.run", "/".join(f"^{re.escape(part)}$" for part in name.split("/"))]
    return Suite(said(go, "version").removeprefix("go version "), lambda more: [program, "-test.v", *more], only, go_cases,
                 source, environment)


def python_suite(module, folder):
    def ships(python):
        return not subprocess.run([python, "-c", f"import test.{module}"], cwd=folder, capture_output=True).returncode
    pythons = [one for one in (shutil.which("python3"), "/usr/bin/python3") if one and os.path.exists(one)]
    python = next(filter(ships, pythons), None)
    if not python:
        raise Missing(f"not installed: libpython3.11-testsuite (test.{module})")
    results = folder / "junit.xml"
    return Suite(said(python, "--version"), lambda more: [python, "-m", "test", "--junit-xml", results, *more, module],
                 lambda name: ["-m", name], lambda _: junit_cases(results), folder)


def node_suite(_, folder):
    if not shutil.which("node"):
        raise Missing("there is no node")
    return Suite(said("node", "--version"), lambda more: ["node", "--test-reporter=tap", *more, SMOKE / "smoke.mjs"],
                 lambda name: [f"--test-name-pattern=^{re.escape(name)}$"], tap_cases, folder)


def java_suite(_, folder):
    if not shutil.which("javac"):
        raise Missing("there is no javac")
    subprocess.run(["javac", "-nowarn", "-XDignore.symbol.file", "-d", folder, SMOKE / "Smoke.java"], check=True,
                   capture_output=True)
    return Suite(said("java", "--version").split("\n")[0], lambda more: ["java", "-cp", folder, "Smoke", *more],
                 lambda name: [name], tap_cases, folder)


SUITES = {**{f"Go {package}": (go_suite, package) for package in GO},
          **{f"CPython {module}": (python_suite, module) for module in PYTHON},
          "Node (ours)": (node_suite, ""), "JVM (ours)": (java_suite, "")}


# --- running and comparing ---

def run(suite, traced, more=()):
    """Its cases, and the seconds it took. The report of the autopsy goes to a file, so that the output is the suite's."""
    with temporary_folder() as folder:
        before = (LASTCALL, "autopsy", "--output", f"{folder}/autopsy", "--") if traced else PLAIN
        words = [*before, *map(str, suite.command(more))]
        begin = time.monotonic()
        with open(f"{folder}/output", "w+", errors="replace") as output:
            # A file and no pipe: what a case leaves running would keep that open.
            child = subprocess.Popen(words, cwd=suite.folder, env={**os.environ, **suite.environment, "PWD": str(suite.folder)}, stdin=subprocess.DEVNULL,
                                     stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
            try:
                child.wait(LIMIT)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
            seconds = time.monotonic() - begin
            output.seek(0)
            text = output.read()
    cases = suite.read(text)
    if not cases:
        cases[MISSING] = Case("failed", text)
    return cases, seconds


def outcome(cases, name):
    return cases[name].outcome if name in cases else MISSING


def compared(plain, traced):
    """Names of the cases that end differently in two plain runs, and of those that do so only in a traced one. `plain`,
    `traced`: what run() found, a run each."""
    names = {name for cases in (*plain, *traced) for name in cases}
    flaky = {name for name in names if len({outcome(cases, name) for cases in plain}) > 1}
    differing = {name for name in names - flaky if any(outcome(cases, name) != outcome(plain[0], name) for cases in traced)}
    return sorted(flaky), sorted(differing)


def alone(suite, name, plain, traced):
    """A case that differs, by itself: how often it ended otherwise than in the first plain run, and what it printed."""
    usual = outcome(plain[0], name)
    others = {"plain": 0, "traced": 0}
    text = next((cases[name].text for cases in traced if name in cases and cases[name].outcome != usual), "")
    for _ in range(ALONE):
        for how in others:
            cases, _ = run(suite, how == "traced", suite.only(name))
            # Some cannot be run alone: that is no flake.
            others[how] += outcome(cases, name) != usual and (name in cases or how == "traced")
    return {"plain": usual, "traced": [outcome(cases, name) for cases in traced], "alone_plain": others["plain"],
            "alone_traced": others["traced"], "printed": text[-KEPT:]}


def measured(suite, pairs=PAIRS):
    plain, traced, seconds = [], [], {"plain": [], "traced": []}
    for _ in range(pairs):
        for how, all_cases in (("plain", plain), ("traced", traced)):
            cases, took = run(suite, how == "traced")
            all_cases.append(cases)
            seconds[how].append(took)
    flaky, suspects = compared(plain, traced)
    differing = {}
    for name in suspects:
        found = alone(suite, name, plain, traced)
        if found["alone_plain"]:
            flaky.append(name)
        else:
            differing[name] = found
    outcomes = [case.outcome for case in plain[0].values()]
    return {"version": suite.version, "cases": len(outcomes),
            **{what: outcomes.count(what) for what in ("passed", "failed", "skipped")}, "flaky": flaky, "differing": differing, "pairs": pairs,
            **{f"{how}_s": round(statistics.median(all_of), 2) for how, all_of in seconds.items()}}


def wrong(found):
    differing = [name for name in found["differing"] if name not in SEES_THE_TRACER]
    return differing or ([] if found["passed"] else ["no case passed"])


def main():
    wanted = sys.argv[1:] or list(SUITES)
    content = evidence.load("transparent")
    if content.get("build") != evidence.build():
        content = {**evidence.header(COMMAND), "suites": {}}
    content["not_run"] = {}
    bad = []
    for name in wanted:
        make, what = SUITES[name]
        with temporary_folder() as folder:
            try:
                suite = make(what, Path(folder))
            except Missing as why:
                content["not_run"][name] = str(why)
                print(name, "not run:", why, flush=True)
                continue
            found = content["suites"].get(name)
            if not found or found["version"] != suite.version:
                found = content["suites"][name] = measured(suite)
                evidence.save("transparent", content, markdown(content))
        print(name, found["cases"], "cases,", found["plain_s"], "s plain,", found["traced_s"], "s traced;", "flaky:",
              *found["flaky"] or ["none"], flush=True)
        for case in wrong(found):
            print("differs:", case, found["differing"].get(case, ""), flush=True)
        bad += [name] if wrong(found) else []
    evidence.save("transparent", content, markdown(content))
    print("wrong:", *bad or ["nothing"])
    return 1 if bad or not content["suites"] else 0


def markdown(content):
    rows = [(name, found["version"], found["cases"], found["passed"], found["failed"], found["skipped"],
             len(found["differing"]), len(found["flaky"]), found["plain_s"], found["traced_s"],
             f"{found['traced_s'] / found['plain_s']:.2f}") for name, found in content["suites"].items()]
    text = ("# Below the tracer as without it\n\nTest suites, plain and below `lastcall autopsy`, in turn, case by case. "
            "Go's and CPython's are their own. The packages of Node and of the JVM ship none: those cases are ours "
            "(`tests/servers/smoke`). `differ`: end otherwise only below lastcall. `flaky`: end otherwise in two plain runs, "
            "too, and are not judged. The outcomes are those of the first plain run; what fails there must fail below lastcall "
            "as well. Seconds are the medians.\n\n"
            + evidence.table(["suite", "of", "cases", "passed", "failed", "skipped", "differ", "flaky", "plain, s", "traced, s",
                              "ratio"], rows)
            + WHY_LONGER)
    for name, found in content["suites"].items():
        if found["flaky"]:
            text += f"\nFlaky in {name}: {', '.join(f'`{case}`' for case in found['flaky'])}.\n"
        for case, how in found["differing"].items():
            text += (f"\n`{case}` of {name} {how['plain']}; below lastcall: {', '.join(how['traced'])}; by itself it ended "
                     f"otherwise in {how['alone_traced']} of {ALONE} runs below lastcall and in none without.\n"
                     f"{SEES_THE_TRACER.get(case, '')}\n```\n{how['printed']}\n```\n")
    rows = list(content["not_run"].items())
    return text + ("\n## Not run\n\n" + evidence.table(["suite", "because"], rows) if rows else "")


if __name__ == "__main__":
    sys.exit(main())
