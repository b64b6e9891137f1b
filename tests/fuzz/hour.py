"""An hour of each fuzz target, with the address and undefined-behaviour sanitizers. Builds the preset `fuzz`, searches from
the committed corpus, and puts the smallest inputs that together reach every line found into tests/fuzz/corpus, named by
their hash; those with other names were written by hand and stay. Writes reports/evidence/fuzz.json and .md. Resumable: a
target that the file holds for the same build is not run again, whatever it says.
LASTCALL_SCALE divides the hour. LASTCALL_BUILDS: the folder with the build fuzz, which is taken as it is."""
import os

BUILD_ENVIRONMENT = dict(os.environ)  # lastcall_cli puts a folder into PATH that goes with this process

import base64
import hashlib
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import evidence
import lastcall_cli
from lastcall_cli import SOURCE, temporary_folder

SECONDS = max(5, 3600 // int(os.environ.get("LASTCALL_SCALE", "1")))
COMMAND = "ctest --preset release -L long -R long.fuzz"
BUILDS = Path(os.environ.get("LASTCALL_BUILDS", SOURCE / "build"))
CORPUS = SOURCE / "tests" / "fuzz" / "corpus"
KEPT = lastcall_cli.KEPT / "fuzz"
TARGETS = sorted(folder.name for folder in CORPUS.iterdir())
LARGEST = 2 << 20        # bytes, of all corpora: everybody clones them, and every run of ci/test replays them
SHARE = LARGEST // len(TARGETS)
CRASHES = 10             # of a target; more of them are one crash found again
INPUT_LIMIT = 30         # seconds; an input that takes longer hangs
FOUND = re.compile("[0-9a-f]{40}")  # how libFuzzer names an input


def build():
    if "LASTCALL_BUILDS" in os.environ:
        return
    for words in (["cmake", "--preset", "fuzz"],
                  ["cmake", "--build", "--preset", "fuzz", "--target", *(f"fuzz_{name}" for name in TARGETS)]):
        subprocess.run(words, cwd=SOURCE, env=BUILD_ENVIRONMENT, check=True)


def program(name):
    return BUILDS / "fuzz" / "bin" / f"fuzz_{name}"


def digest():
    found = hashlib.sha256()
    for name in TARGETS:
        found.update(program(name).read_bytes())
    return found.hexdigest()[:16]


def size(files):
    files = list(files)
    return {"files": len(files), "bytes": sum(file.stat().st_size for file in files)}


def last_number(pattern, text):
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def said_by(text):
    """What libFuzzer said of a search: https://llvm.org/docs/LibFuzzer.html#output."""
    return {"executions": last_number(r"stat::number_of_executed_units: *(\d+)", text) or last_number(r"(?m)^#(\d+)\t", text),
            "coverage": last_number(r" cov: (\d+)", text), "features": last_number(r" ft: (\d+)", text),
            "peak_rss_mb": last_number(r"stat::peak_rss_mb: *(\d+)", text)}


def reached_by(text):
    """Stage -> (inputs that came there, inputs): reached.hpp."""
    return {stage: (int(count), int(of)) for stage, count, of in re.findall(r"(?m)^reached (.+): (\d+) of (\d+) inputs$", text)}


def crash_of(text):
    """The input, and the line that says what happened."""
    written = re.search(r"Test unit written to (.+)", text)
    why = re.search(r"(?m)^.*(?:broken invariant|runtime error|==\d+== ?ERROR: ).*$", text)
    data = Path(written[1]).read_bytes() if written else b""
    return {"said": why[0] if why else text[-500:], "input": Path(written[1]).name if written else "",
            "base64": base64.b64encode(data[:4096]).decode()}


def search(name, folder):
    """The corpus found lies in the folder afterwards."""
    KEPT.mkdir(parents=True, exist_ok=True)
    total = {"seconds": 0, "executions": 0, "coverage": 0, "features": 0, "peak_rss_mb": 0, "reached": {}, "crashes": []}
    begin = time.monotonic()
    while (left := SECONDS - round(time.monotonic() - begin)) > 0 and len(total["crashes"]) < CRASHES:
        done = subprocess.run(
            [program(name), f"-max_total_time={left}", "-print_final_stats=1", f"-timeout={INPUT_LIMIT}",
             f"-artifact_prefix={KEPT}/{name}-", folder, CORPUS / name],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
        found = said_by(done.stdout)
        total["executions"] += found["executions"]
        for key in ("coverage", "features", "peak_rss_mb"):
            total[key] = max(total[key], found[key])
        for stage, (count, of) in reached_by(done.stdout).items():
            before = total["reached"].get(stage, (0, 0))
            total["reached"][stage] = (before[0] + count, before[1] + of)
        if done.returncode:
            total["crashes"].append(crash_of(done.stdout))
    total["seconds"] = round(time.monotonic() - begin)
    return total


def minimise(name, searched):
    """Replaces what was found before by a set of inputs that reaches each edge that either reached, and no more than the
    target's share of bytes, the smallest first; the corpus before and after."""
    corpus = CORPUS / name
    before = size(corpus.iterdir())
    with temporary_folder() as folder:
        written, earlier = Path(folder) / "written", Path(folder) / "earlier"
        shutil.copytree(corpus, written, ignore=lambda _, names: filter(FOUND.fullmatch, names))
        earlier.mkdir()
        for file in filter(lambda file: FOUND.fullmatch(file.name), corpus.iterdir()):
            shutil.copy(file, earlier)
        # Edges only: with the counts of each, a target keeps thousands of inputs.
        subprocess.run([program(name), "-set_cover_merge=1", "-use_counters=0", f"-timeout={INPUT_LIMIT}",
                        f"-artifact_prefix={folder}/", written, earlier, searched],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        left = SHARE - size(file for file in written.iterdir() if not FOUND.fullmatch(file.name))["bytes"]
        for file in filter(lambda file: FOUND.fullmatch(file.name), list(corpus.iterdir())):
            file.unlink()
        for file in sorted((file for file in written.iterdir() if FOUND.fullmatch(file.name)),
                           key=lambda file: (file.stat().st_size, file.name)):
            left -= file.stat().st_size
            if left >= 0:
                shutil.copy(file, corpus)
    return {"corpus_before": before, "corpus_after": size(corpus.iterdir())}


def hour(name):
    with temporary_folder() as folder:
        found = search(name, folder)
        return {**found, **minimise(name, folder)}


def files(corpus):
    return f"{corpus['files']} files, {corpus['bytes'] / 1024:.0f} KiB"


def markdown(content):
    text = "# Fuzzing\n\nWith the address and undefined-behaviour sanitizers, from the committed corpus.\n\n"
    text += evidence.table(
        ["target", "seconds", "executions", "edges", "features", "corpus before", "corpus after", "crashes"],
        [(name, f["seconds"], f["executions"], f["coverage"], f["features"], files(f["corpus_before"]),
          files(f["corpus_after"]), len(f["crashes"])) for name, f in sorted(content["targets"].items())])
    text += "\nHow far the inputs came:\n\n" + evidence.table(
        ["target", "stage", "inputs", "of"],
        [(name, stage, *counts) for name, f in sorted(content["targets"].items()) for stage, counts in f["reached"].items()])
    for name, f in sorted(content["targets"].items()):
        text += "".join(f"\n{name}, {crash['input']}: {crash['said']}\n" for crash in f["crashes"])
    return text


def main():
    build()
    content = evidence.load("fuzz")
    if content.get("build") != digest() or content.get("seconds", 0) < SECONDS:
        content = {**evidence.header(COMMAND, digest()), "seconds": SECONDS, "targets": {}}
    todo = [name for name in TARGETS if name not in content["targets"]]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, found in zip(todo, pool.map(hour, todo)):
            content["targets"][name] = found
            evidence.save("fuzz", content, markdown(content))
            print(name, found["executions"], "executions,", len(found["crashes"]), "crashes", flush=True)
    wrong = [name for name, found in content["targets"].items() if found["crashes"]]
    if (total := size(file for file in CORPUS.rglob("*") if file.is_file())["bytes"]) > LARGEST:
        wrong.append(f"the corpora have {total} bytes, {LARGEST} at most")
    print("wrong:", *wrong or ["nothing"])
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
