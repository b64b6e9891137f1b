"""A campaign under attack: whatever its target or its peers do, it ends in time with a verdict that is right, leaves
nothing, and stays within its bounds."""
import json
import os
import shutil
import signal
import stat
import subprocess
import time
import unicodedata
import uuid
import xml.etree.ElementTree
from pathlib import Path

from lastcall_cli import LASTCALL, SERVERS, SOURCE, described, processes, temporary_folder, until
from servers.planted import without_folders
from servers.strangers import printed

# Of each campaign. Most take two to five seconds on an idle machine.
TIME_LIMIT = 90
RESULTS_LIMIT = 100 << 20  # bytes
# Of the largest process, bytes.
MEMORY_LIMIT = 300 << 20
GONE_LIMIT = 5
TRIALS = 2
# The last two remain if lastcall is killed.
RESULTS = {"report.json", "junit.xml", "report.md", "report.html", "trials.jsonl", "trials", "results.sqlite",
           "results.sqlite-wal", "results.sqlite-shm"}
SCHEMA = json.loads((SOURCE / "reports" / "report.schema.json").read_text())


def mounts(folder):
    return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(folder) in line]


def left_cgroups():
    """Those of processes of lastcall that are gone: "lastcall-PID"."""
    return {str(path) for path in Path("/sys/fs/cgroup").glob("*/**/lastcall-*")
            if not os.path.exists(f"/proc/{path.name.split('-')[1]}")}


def snapshot(folder, without):
    """All that lies there, by its path: what it is and what is in it."""
    found = {}
    for top, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if Path(top, name) not in without]
        for name in folders + files:
            path = Path(top, name)
            status = path.lstat()
            content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
            found[str(path.relative_to(folder))] = (status.st_mode, status.st_uid, status.st_mtime_ns, content)
    return found


def size_on_disk(folder):
    """Bytes; sparse files have few. du(1) and rm(1) walk folders that lie too deep for Python."""
    found = subprocess.run(["du", "-s", "--block-size=1", folder], capture_output=True, text=True, check=True)
    return int(found.stdout.split()[0])


def control_characters(text):
    return sorted({hex(ord(c)) for c in text if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t"})


class Campaign:
    """`folder` is its own. It holds the servers and `outside`, whose files nobody may touch."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.results = self.folder / "r"
        # Where lastcall has the folders of a trial whose results lie deep, because it is in their file system.
        self.runtime = self.folder / "run"
        self.temporary, self.said = self.folder / "tmp", self.folder / "said"
        for folder in (self.runtime, self.temporary, self.said):
            folder.mkdir()
        shutil.copytree(SERVERS, self.folder / "servers", copy_function=shutil.copyfile,
                        ignore=shutil.ignore_patterns("__pycache__"))
        for folder in ("outside", "outside/lastcall-results/target"):
            (self.folder / folder).mkdir(parents=True)
            (self.folder / folder / "precious").write_text("as it was")
        self.mark = f"LASTCALL_MARK={uuid.uuid4()}"
        self.wrong = []

    def marked_environment(self):
        """For [target]."""
        name, value = self.mark.split("=")
        return f'environment = {{ {name} = "{value}" }}'

    def check(self, holds, what):
        if not holds:
            self.wrong.append(what)

    def start(self, words):
        name, value = self.mark.split("=")
        environment = {**os.environ, name: value, "TMPDIR": str(self.temporary), "XDG_RUNTIME_DIR": str(self.runtime)}
        with open(self.said / "out", "wb") as out, open(self.said / "err", "wb") as err:
            return subprocess.Popen([LASTCALL, *map(str, words)], env=environment, stdout=out, stderr=err)

    def wait(self, run, limit):
        """How it ended, and the memory of the largest of its processes in bytes. One that hangs is killed."""
        end = [0, 0, None]

        def has_ended():
            end[:] = os.wait4(run.pid, os.WNOHANG) if end[0] == 0 else end
            return end[0] != 0

        if not until(has_ended, limit):
            self.wrong.append(f"it took longer than {limit} s: " + described(processes(self.mark)))
            run.kill()
            end[:] = os.wait4(run.pid, 0)
        run.returncode = os.waitstatus_to_exitcode(end[1])
        return run.returncode, end[2].ru_maxrss * 1024

    def run(self, text, limit=TIME_LIMIT, trials=TRIALS, deep=False):
        """What became of it, for the evidence. What is wrong with it is in `wrong`. A trial has a folder of its own elsewhere
        if its results lie deep."""
        file = self.folder / ("a-scenario-with-a-long-name.toml" if deep else "scenarios/s.toml")
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        own = {self.results, self.runtime, self.temporary, self.said}
        cgroups, files = left_cgroups(), snapshot(self.folder, own)
        begin = time.monotonic()
        run = self.start(["run", file, "--trials", trials, "--jobs", 2, "--results", self.results])
        code, memory = self.wait(run, limit)
        seconds = time.monotonic() - begin
        self.check(until(lambda: not processes(self.mark), GONE_LIMIT), "left: " + described(processes(self.mark)))
        for pid in processes(self.mark):
            os.kill(pid, signal.SIGKILL)
        size = size_on_disk(self.results)
        self.check(not mounts(self.folder), f"mounted: {mounts(self.folder)}")
        self.check(until(lambda: left_cgroups() <= cgroups, GONE_LIMIT), f"cgroups: {left_cgroups() - cgroups}")
        for place in (self.temporary, self.runtime):
            self.check(not os.listdir(place), f"in {place.name}: {os.listdir(place)}")
        after = snapshot(self.folder, own)
        changed = sorted(path for path in {*files, *after} if files.get(path) != after.get(path))
        self.check(not changed, f"touched: {changed[:5]}")
        self.check(memory < MEMORY_LIMIT, f"{memory >> 20} MiB of memory")
        self.check(size < RESULTS_LIMIT, f"{size >> 20} MiB of results")
        self.check("broken invariant" not in self.text("err"), self.text("err")[:1000])
        found = {"code": code, "seconds": round(seconds, 1), "memory_mib": memory >> 20, "results_mib": size >> 20}
        return {**found, **self.reported(code)}

    def text(self, stream):
        return (self.said / stream).read_text(errors="replace")

    def reported(self, code):
        """What the reports say, each of which can be read by whoever reads such files."""
        if not (self.results / "report.json").exists():
            self.check(code in (2, 4, -signal.SIGKILL), "no report")
            return {"printed": self.text("err").splitlines()[:3]}
        try:
            report = json.loads((self.results / "report.json").read_text())
            # Not splitlines(), which also splits at U+2028 and the like.
            lines = (self.results / "trials.jsonl").read_text().split("\n")
            trials = [json.loads(line) for line in lines if line]
            xml.etree.ElementTree.parse(self.results / "junit.xml")
            page = (self.results / "report.md").read_text()
        except (ValueError, OSError, xml.etree.ElementTree.ParseError) as error:
            self.wrong.append(f"a report cannot be read: {error!r}")
            return {}
        self.check(set(SCHEMA["required"]) == set(report), f"keys of report.json: {sorted(report)}")
        self.check(report["exit_code"] == code, f"report.json has exit code {report['exit_code']}")
        listed = report["scenarios"][0]["trials"]
        self.check(len(listed) == len(trials), f"{len(listed)} trials in report.json, {len(trials)} in trials.jsonl")
        self.check(not control_characters(page), f"report.md has {control_characters(page)}")
        for stream in ("out", "err"):
            strange = control_characters(self.text(stream))
            self.check(not strange, f"the terminal got {strange}")
        strange = {path.name for path in self.results.iterdir()} - RESULTS
        self.check(not strange, f"in the results: {strange}")
        verdicts = [verdict for trial in trials for verdict in trial["result"]["verdicts"]]
        broken = [trial["result"]["broken"] for trial in trials if trial["result"]["broken"]]
        warnings = [text for trial in trials for text in trial["result"].get("warnings", [])]
        failed = {verdict["property"] for verdict in verdicts
                  if verdict["outcome"] == "fail" and not verdict.get("consequence_of")}
        unknown = {verdict["property"] for verdict in verdicts if verdict["outcome"] == "unknown"}
        lines = [*printed(report), *(f"broke: {without_folders(text)}" for text in broken),
                 *(f"warning: {without_folders(text)}" for text in warnings), report["exit_reason"]]
        return {"failed": sorted(failed), "unknown": sorted(unknown), "broken": len(broken),
                "printed": [line[:400] for line in dict.fromkeys(lines) if line]}


def attacked(text, **options):
    """What became of a campaign with this scenario, a function of it; `wrong` lists what must not be."""
    with temporary_folder() as folder:
        campaign = Campaign(folder)
        try:
            found = campaign.run(text(campaign), **options)
        finally:
            subprocess.run(["rm", "-rf", campaign.results], check=True)
        return {**found, "wrong": campaign.wrong}


def judge_codes(found, codes):
    """What is wrong with how it ended."""
    wrong = [] if found["code"] in codes else [f"exit code {found['code']}, not {' or '.join(map(str, codes))}"]
    if found.get("broken") and 4 not in codes:
        wrong.append(f"{found['broken']} trials broke")
    return wrong
