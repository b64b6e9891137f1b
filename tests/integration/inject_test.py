"""Faults at exact system calls: each lands at the call that was asked for, as the files of the target and the history
say; what is not reached is unknown."""
import json
import os
import re
import shutil
import unittest

from lastcall_cli import LastcallTest, PYTHON, SOURCE, STOP_AT_FIFTH_ANSWER, lastcall, scenario, serve

# Saves 40 checkpoints, one number after the other, each under a temporary name first.
SAVER = """
import os, signal, sys
folder = sys.argv[1]
os.makedirs(folder)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
print("ready", flush=True)
number = 0
while number < 40:
    number += 1
    name = folder + "/" + str(number)
    failed = ""
    try:
        file = os.open(name + ".tmp", os.O_WRONLY | os.O_CREAT)
        os.write(file, b"0123456789")
        os.fsync(file)
        os.close(file)
        os.rename(name + ".tmp", name + ".ckpt")
    except OSError as problem:
        failed = problem.strerror
    if failed: print("number", number, failed, flush=True)
print("saved", number, flush=True)
signal.sigwait([signal.SIGTERM])
"""
STATE = 'trace = true\nstate = "state"'
STOP = '[[faults]]\nwhat = "stop"\nwhen = { log = "^saved" }\n'


def at(syscall, nth, **more):
    words = "".join(f', {key} = "{value}"' for key, value in more.items())
    return f'when = {{ syscall = "{syscall}", nth = {nth}{words} }}\n'


def fault(what, when, *settings):
    return "\n".join(["[[faults]]", f'what = "{what}"', *settings, when])


class Inject(LastcallTest):
    @classmethod
    def setUpClass(cls):
        may = next(f for f in json.loads(lastcall("doctor", "--json").out) if f["what"] == "ptrace")
        if not may["good"]:
            raise unittest.SkipTest(may["detail"])

    def save(self, faults, properties=""):
        properties += '\nserves = { judge = false, why = "it serves nobody" }'
        return self.run_scenario(scenario([PYTHON, "-u", "-c", SAVER, "{dir}/state"], environment=STATE, faults=faults,
                                          properties=properties))

    def assert_order(self, run, *kinds):
        """The first of each kind came in this order."""
        found = [event["kind"] for event in run.events()]
        self.assertEqual(sorted(kinds, key=found.index), list(kinds))

    def reached(self, run):
        self.assertEqual([], run.events("fault_not_reached"), str(run))
        return run.events("syscall_reached")

    def files(self, run):
        return sorted(p.name for p in (run.history().parent / "target" / "state").iterdir())

    def test_a_kill_at_the_nth_call_lands_there(self):
        for syscall in ("write", "fsync", "rename"):
            for nth in (1, 2, 7):
                with self.subTest(syscall=syscall, nth=nth):
                    run = self.save(fault("kill", at(syscall, nth, role="state")))
                    [reached] = self.reached(run)
                    self.assertIn(f"/state/{nth}.tmp", reached["call"])
                    self.assertEqual([f"{i}.ckpt" for i in range(1, nth)] + [f"{nth}.tmp"],
                                     sorted(self.files(run), key=lambda n: int(n.split(".")[0])))
                    size = (run.history().parent / "target" / "state" / f"{nth}.tmp").stat().st_size
                    self.assertEqual(0 if syscall == "write" else 10, size)
                    [ended] = run.events("target_ended")
                    self.assertEqual(9, ended["value"])

    def test_a_stop_at_the_nth_call_comes_when_the_call_was_made(self):
        # The saver takes its signal when it has saved all: a signal that is not lost is enough here.
        run = self.save(fault("stop", at("rename", 7, role="state")))
        self.assert_exit(0, run)
        [reached] = self.reached(run)
        self.assertIn("/state/7.tmp", reached["call"])
        self.assert_order(run, "syscall_reached", "fault_invoked")
        self.assertIn("40.ckpt", self.files(run))

    def test_errors_and_delays_hit_the_calls_in_a_row(self):
        for what, said in (('error = "ENOSPC"', "No space left on device"), ('error = "EIO"', "Input/output error"),
                           ('delay = "20ms"', None)):
            for syscall in ("write", "fsync", "rename"):
                with self.subTest(what=what, syscall=syscall):
                    run = self.save(fault("syscall", at(syscall, 2, role="state"), what, "count = 2") + STOP)
                    self.assertEqual([2, 3], [int(re.search(r"/state/(\d+)\.tmp", r["call"])[1])
                                              for r in self.reached(run)])
                    lines = [e["line"] for e in run.events("target_output") if e["line"].startswith("number")]
                    self.assertEqual([f"number {n} {said}" for n in (2, 3)] if said else [], lines)

    def test_what_is_not_reached_is_unknown_with_the_count(self):
        run = self.save(fault("syscall", at("rename", 41, path="*.ckpt"), 'error = "EIO"') + STOP,
                        properties='require = ["clean-exit"]')
        self.assert_exit(3, run)
        [missed] = run.events("fault_not_reached")
        self.assertIn("40 of 41 'rename' of *.ckpt were counted", missed["reason"])
        self.assertEqual("unknown", run.outcomes()["clean-exit"])

    def test_counting_begins_with_its_phase(self):
        run = self.run_scenario(scenario(serve(), environment="trace = true",
                                         faults=fault("stop", at("accept", 1, role="listener", phase="load"))))
        self.assert_exit(0, run)
        [reached] = self.reached(run)
        events = run.events()
        load = next(i for i, e in enumerate(events) if e["kind"] == "phase_began" and e["phase"] == "load")
        self.assertLess(load, events.index(reached))

    def test_in_the_drain_filters_wake_for_it(self):
        run = self.run_scenario(scenario(serve(), environment="trace = true", faults=
            STOP_AT_FIFTH_ANSWER + fault("syscall", at("close", 1, phase="drain"), 'delay = "5ms"')))
        self.assertEqual(1, len(self.reached(run)))
        self.assert_order(run, "filters_woke", "syscall_reached")

    def reference(self, faults, **parts):
        words = ["reference_server", "--port", "{port}", "--state", "{dir}/state"]
        clients = ('[[clients]]\nurl = "http://127.0.0.1:{port}/events"\ncount = 2\npace = "5ms..10ms"\n'
                   'message = \'{"id":"{id}","value":42}\'\nstatus = 201\n')
        return self.run_scenario(scenario(
            words, ready='url = "http://127.0.0.1:{port}/health"', clients=clients, faults=faults,
            environment='trace = true\nstate = "state"\nenvironment = { APP_CHECKPOINT_INTERVAL_MS = "20" }\n'
                        '[target.recovery]\nask = { url = "http://127.0.0.1:{port}/events" }',
            properties='checkpoint-intact = { files = ["state/checkpoint"], command = ["reference_server", '
                       '"--inspect-checkpoint", "{file}"] }', **parts))

    def test_the_reference_server_keeps_its_promises_when_killed_at_a_call(self):
        for syscall in ("write", "fsync", "rename"):
            for nth in (1, 2, 7):
                with self.subTest(syscall=syscall, nth=nth):
                    run = self.reference(fault("kill", at(syscall, nth, role="state", phase="load")))
                    self.assertEqual(1, len(self.reached(run)))
                    outcomes = run.outcomes()
                    self.assertIn(outcomes["acked-durable"], ("pass", "not-applicable"), str(run))  # nothing acked yet
                    for name in ("recovers", "checkpoint-intact"):
                        self.assertEqual("pass", outcomes[name], str(run))

    def test_a_short_write_to_a_client_is_finished(self):
        run = self.reference(fault("syscall", at("send", 2, role="connection"), "short_write = true", "count = 20") +
                             '[[faults]]\nwhat = "stop"\nwhen = { event = "acknowledged", nth = 40 }\n')
        self.assert_exit(0, run)
        self.assertEqual(20, len(self.reached(run)))
        self.assertEqual("pass", run.outcomes()["serves"])

    def test_a_listener_out_of_descriptors_goes_on(self):
        run = self.reference(fault("syscall", at("accept", 1, role="listener", phase="load"), 'error = "EMFILE"') +
                             '[[faults]]\nwhat = "stop"\nwhen = { event = "acknowledged", nth = 10 }\n')
        self.assert_exit(0, run)
        self.assertEqual(1, len(self.reached(run)))
        self.assertEqual("pass", run.outcomes()["serves"])

    @unittest.skipUnless(shutil.which("nginx", path="/usr/sbin:" + os.environ["PATH"]), "nginx is not installed")
    def test_nginx_finishes_a_short_write(self):
        text = (SOURCE / "scenarios" / "nginx" / "graceful.toml").read_text()
        text = re.sub(r"\[target\]\n", "[target]\ntrace = true\n", text, count=1)
        text = text[:text.index("[[faults]]")] + fault(
            "syscall", at("write", 1, role="connection"), "short_write = true", "count = 5") + "\n" + \
            text[text.index("[[faults]]"):].replace("0ms..300ms", "300ms")
        run = self.run_scenario(text)
        self.assert_exit(0, run)
        self.assertEqual(5, len(self.reached(run)))


if __name__ == "__main__":
    unittest.main()
