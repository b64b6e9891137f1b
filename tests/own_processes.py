"""lastcall's own processes, as they are seen from outside: which there are, and what each is for."""
import json
import os
import signal
import xml.etree.ElementTree

from lastcall_cli import LastcallTest, processes, scenario, serve, until

# What ps(1) calls them.
ROLES = ("lastcall", "lc-guard", "lc-server", "lc-worker", "lc-trial", "lc-keeper")
HELPERS = ROLES[1:]


def children(pid):
    found = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                found += [int(child) for child in file.read().split()]
    except OSError:
        pass
    return found


def of_process(pid, file):
    """What /proc says of it; nothing if it is gone."""
    try:
        with open(f"/proc/{pid}/{file}", "rb") as opened:
            return opened.read()
    except OSError:
        return b""


def command(pid):
    return of_process(pid, "cmdline")


def own_processes(lastcall):
    """Role -> pids, of those that are there now. A child has its parent's name until it has one of its own."""
    found = {role: [] for role in ROLES}
    found["lastcall"] = [lastcall]
    below = [(pid, "lastcall") for pid in children(lastcall)]
    for pid, parent in below:
        role = of_process(pid, "comm").decode(errors="replace").strip()
        if role == parent or role not in HELPERS:
            continue
        if role in ("lc-guard", "lc-server"):
            below += [(child, role) for child in children(pid)]
        if command(pid):  # no zombie
            found[role].append(pid)
    return found


def signal_to(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


class OwnProcessesTest(LastcallTest):
    """Campaigns in which lastcall has a process of each role, and a target that leaves a daemon behind."""

    def campaign(self, stop_at="300ms", name="r", trace="false"):
        """Untraced: the kernel kills what is traced with its tracer, so that less can go wrong."""
        key, value = self.mark.split("=")
        sidecar = (f'[[sidecars]]\nname = "side"\ncommand = {json.dumps([*serve()[:-1], "{port.side}", "--leave"])}\n'
                   f'environment = {{ {key} = "{value}" }}\nready = {{ log = "^ready" }}')
        text = scenario(serve("--leave"), environment=f"trace = {trace}\n{self.marked_environment()}\n{sidecar}",
                        faults=f'[[faults]]\nwhat = "stop"\nwhen = {{ phase = "load", at = "{stop_at}" }}',
                        budget='load = "60s"')
        self.results = self.folder / name
        return self.start("run", self.write(text), "--trials", 1000, "--jobs", 2, "--keep", "none", "--results",
                          self.results)

    def lines(self):
        log = self.results / "trials.jsonl"
        whole = log.read_text().splitlines(keepends=True) if log.exists() else []
        return [json.loads(line)["result"] for line in whole if line.endswith("\n")]

    def all_of(self, run):
        """The processes, as soon as there is one of each role, and a daemon."""
        def found():
            there = own_processes(run.pid)
            daemons = [pid for pid in processes(self.mark) if command(pid).startswith(b"sleep\x00987")]
            return all(there.values()) and len(daemons) > 1
        self.assertTrue(until(found, 30), own_processes(run.pid))
        return own_processes(run.pid)

    def assert_goes_on(self, run, seconds=30):
        """Two more trials end well, and the verdicts are right."""
        begin = len(self.lines())
        going_on = until(lambda: sum(not trial["broken"] for trial in self.lines()[begin:]) >= 2, seconds)
        self.assertTrue(going_on, (self.lines()[begin:], own_processes(run.pid)))
        self.assert_right_verdicts()

    def assert_right_verdicts(self):
        """The target leaves a daemon, and is wrong in nothing else."""
        failed = {v["property"] for trial in self.lines() for v in trial["verdicts"] if v["outcome"] == "fail"}
        self.assertLessEqual(failed, {"released"})

    def assert_reports(self, code):
        """Each is there, whole, and has every trial."""
        report = json.loads((self.results / "report.json").read_text())
        self.assertEqual(code, report["exit_code"])
        self.assertEqual(len(self.lines()), len(report["scenarios"][0]["trials"]))
        xml.etree.ElementTree.parse(self.results / "junit.xml")
        self.assertIn("Not decided", (self.results / "report.md").read_text())
        self.assertEqual([], list(self.results.glob("*.part")))
        return report

    def interrupt(self, run):
        run.send_signal(signal.SIGINT)
        self.assertEqual(130, run.wait(30))
        self.assert_reports(130)
        self.assert_nobody_is_left(10)
