"""An hour of a processor for each fuzz target, with the address and undefined-behaviour sanitizers. Builds the preset `fuzz`,
searches from the committed corpus, and puts the smallest inputs that together reach every line found into
tests/fuzz/corpus, named by their hash; those with other names were written by hand and stay. Writes
reports/evidence/fuzz.json and .md every few minutes. Resumable: what earlier builds were searched counts, as the corpus
keeps what was found; their crashes do not.
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
from threading import Lock

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
PIECE = 600              # seconds
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


def nothing():
    return {"searched": {}, "elapsed": 0, "executions": 0, "coverage": 0, "features": 0, "peak_rss_mb": 0, "reached": {},
            "corpus_before": None, "crashes": []}


def search(name, folder, digest, found):
    """Searches for some minutes, and adds to what was found. The corpus found lies in the folder afterwards."""
    KEPT.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    left = SECONDS - sum(found["searched"].values())
    searching = subprocess.Popen(
        [program(name), f"-max_total_time={max(5, min(left, PIECE))}", "-print_final_stats=1", f"-timeout={INPUT_LIMIT}",
         f"-artifact_prefix={KEPT}/{name}-", folder, CORPUS / name],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    text = searching.stdout.read()
    _, status, used = os.wait4(searching.pid, 0)
    searching.returncode = os.waitstatus_to_exitcode(status)
    found["searched"][digest] = found["searched"].get(digest, 0) + round(used.ru_utime + used.ru_stime)
    found["elapsed"] += round(time.monotonic() - begin)
    said = said_by(text)
    found["executions"] += said["executions"]
    for key in ("coverage", "features", "peak_rss_mb"):
        found[key] = max(found[key], said[key])
    for stage, (count, of) in reached_by(text).items():
        before = found["reached"].get(stage, (0, 0))
        found["reached"][stage] = (before[0] + count, before[1] + of)
    if searching.returncode:
        found["crashes"].append(crash_of(text))


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
    return before, size(corpus.iterdir())


def hour(name, digest, found, save):
    """Each build for some minutes, all of them for the hour."""
    if digest not in found["searched"]:
        found["crashes"] = []
    while (digest not in found["searched"] or sum(found["searched"].values()) < SECONDS) and len(found["crashes"]) < CRASHES:
        with temporary_folder() as folder:
            search(name, folder, digest, found)
            before, found["corpus_after"] = minimise(name, folder)
        found["corpus_before"] = found["corpus_before"] or before
        save()


def files(corpus):
    return f"{corpus['files']} files, {corpus['bytes'] / 1024:.0f} KiB"


def markdown(content):
    text = "# Fuzzing\n\nWith the address and undefined-behaviour sanitizers, from the committed corpus.\n\n"
    searched = [(name, f) for name, f in content["targets"].items() if f["searched"]]
    text += evidence.table(
        ["target", "seconds of a processor", "of the clock", "executions", "edges", "features", "corpus before", "corpus after", "crashes"],
        [(name, sum(f["searched"].values()), f["elapsed"], f["executions"], f["coverage"], f["features"], files(f["corpus_before"]),
          files(f["corpus_after"]), len(f["crashes"])) for name, f in searched])
    text += "\nHow far the inputs came:\n\n" + evidence.table(
        ["target", "stage", "inputs", "of"],
        [(name, stage, *counts) for name, f in searched for stage, counts in f["reached"].items()])
    for name, f in searched:
        text += "".join(f"\n{name}, {crash['input']}: {crash['said']}\n" for crash in f["crashes"])
    return text


def main():
    build()
    built = digest()
    targets = evidence.load("fuzz").get("targets", {})
    targets = {name: targets.get(name, nothing()) for name in TARGETS}
    content = {**evidence.header(COMMAND, built), "targets": targets}
    saving = Lock()

    def save():
        with saving:
            evidence.save("fuzz", content, markdown(content))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, _ in zip(TARGETS, pool.map(lambda name: hour(name, built, targets[name], save), TARGETS)):
            found = targets[name]
            print(name, found["executions"], "executions,", len(found["crashes"]), "crashes", flush=True)
    wrong = [name for name, found in content["targets"].items() if found["crashes"]]
    if (total := size(file for file in CORPUS.rglob("*") if file.is_file())["bytes"]) > LARGEST:
        wrong.append(f"the corpora have {total} bytes, {LARGEST} at most")
    print("wrong:", *wrong or ["nothing"])
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
