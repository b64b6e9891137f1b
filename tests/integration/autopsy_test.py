"""`lastcall autopsy -- CMD`: the command runs as without it, and its end is explained."""
import json
import os
import signal
import subprocess
import unittest
from pathlib import Path

from lastcall_cli import LASTCALL, LastcallTest, PYTHON, lastcall, until

BIN = Path(LASTCALL).resolve().parent
CRASH = r"""
#include <unistd.h>
#include <cstdlib>
#include <string>
__attribute__((noinline)) void write_to(volatile int* nowhere) {
  *nowhere = 1;  // the line
}
__attribute__((noinline)) void give_up() { std::abort(); }
int main(int, char** arguments) {
  if (std::string(arguments[1]) == "fault") write_to(reinterpret_cast<int*>(0x10));
  give_up();
}
"""
# Says that it is ready, and then waits for a signal that nothing handles.
READY = "import signal; print('ready', flush=True); signal.pause()"


def ended(pid):
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True


class Autopsy(LastcallTest):
    @classmethod
    def setUpClass(cls):
        may = next(f for f in json.loads(lastcall("doctor", "--json").out) if f["what"] == "ptrace")
        if not may["good"]:
            raise unittest.SkipTest(may["detail"])

    def autopsy(self, *command, options=(), **more):
        done = subprocess.run([LASTCALL, "autopsy", *options, "--", *map(str, command)], cwd=self.folder,
                              capture_output=True, text=True, timeout=60, **more)
        return done

    def begin(self, *command, options=()):
        """lastcall, with a command that says "ready" first."""
        run = subprocess.Popen([LASTCALL, "autopsy", *options, "--", *map(str, command)], cwd=self.folder,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env={**os.environ, "LASTCALL_MARK": self.mark.split("=")[1]})
        self.addCleanup(run.communicate)
        self.addCleanup(run.kill)
        self.assertEqual("ready\n", run.stdout.readline())
        [child] = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
        return run, int(child)

    def end(self, run):
        out, err = run.communicate(timeout=60)
        return run.returncode, out, err

    def compiled(self, source, name, *options):
        path = self.folder / name
        subprocess.run(["g++", "-g", "-O1", "-x", "c++", "-", "-o", path, *map(str, options)], input=source, text=True,
                       check=True, cwd=self.folder)
        return path

    # --- how it ended ---

    def test_an_exit_code_is_passed_on_with_who_called_exit(self):
        done = self.autopsy("sh", "-c", "echo words >&2; exit 3")
        self.assertEqual(3, done.returncode)
        self.assertIn("words\n", done.stderr)
        self.assertRegex(done.stderr, r"ended by +exit code 3\n")
        self.assertRegex(done.stderr, r"where +thread sh \(\d+\) called exit\(3\)")
        self.assertRegex(done.stderr, r"last words +words\n")
        self.assertRegex(done.stderr, r"exit_group\(3\)")

    def test_a_good_end_is_told_in_two_lines(self):
        done = self.autopsy("true")
        self.assertEqual((0, ""), (done.returncode, done.stdout))
        self.assertRegex(done.stderr, r"^autopsy of true \(pid \d+\), ran .*\n  ended by +exit code 0\n$")

    def test_who_sent_sigterm_is_named(self):
        run, child = self.begin(PYTHON, "-c", READY)
        os.kill(child, signal.SIGTERM)
        code, _, err = self.end(run)
        self.assertEqual(128 + signal.SIGTERM, code)
        self.assertRegex(err, rf"ended by +SIGTERM, sent by pid {os.getpid()} \(.*autopsy_test.py.*, user ")
        self.assertIn("nothing in it handles SIGTERM", err)

    def test_who_sent_sigkill_is_named(self):
        run, child = self.begin(PYTHON, "-c", READY)
        killer = subprocess.Popen(["/bin/sh", "-c", f"kill -9 {child}; read stay"], stdin=subprocess.PIPE)
        code, _, err = self.end(run)
        killer.communicate()
        self.assertEqual(128 + signal.SIGKILL, code)
        if "could not be seen" in err:
            self.skipTest(err[err.index("could not be seen"):].split("\n")[0])
        self.assertRegex(err, rf"ended by +SIGKILL, sent by pid {killer.pid} \(/bin/sh -c kill -9 {child}")

    def test_a_killed_child_is_found_below_its_shell(self):
        done = self.autopsy("sh", "-c", "sh -c 'kill -TERM $$'; exit $?")
        self.assertEqual(143, done.returncode)
        self.assertIn("exit code 143 (128 + SIGTERM", done.stderr)
        self.assertRegex(done.stderr, r"also +pid \d+ \(sh -c kill -TERM \$\$\) ended by SIGTERM, sent by itself")

    def test_a_handler_that_signals_itself_does_not_hide_the_sender(self):
        handler = ("import os, signal; signal.signal(15, lambda *_: (signal.signal(15, signal.SIG_DFL), os.kill(os.getpid(), 15)));"
                   "print('ready', flush=True); signal.pause()")
        run, child = self.begin(PYTHON, "-c", handler)
        os.kill(child, signal.SIGTERM)
        code, _, err = self.end(run)
        self.assertEqual(143, code)
        self.assertRegex(err, rf"ended by +SIGTERM, sent by itself after its handler took one, sent by pid {os.getpid()} ")

    def test_a_fault_says_where(self):
        crash = self.compiled(CRASH, "crash")
        done = self.autopsy(crash, "fault")
        self.assertEqual(128 + signal.SIGSEGV, done.returncode)
        line = CRASH.split("\n").index("  *nowhere = 1;  // the line") + 1
        self.assertIn("SIGSEGV through a null pointer (address 0x10)", done.stderr)
        self.assertRegex(done.stderr, rf"write_to\(int volatile\*\)\S* at <stdin>:{line}\n")
        self.assertRegex(done.stderr, r"program .*crash, x86-64, build id [0-9a-f]{40}")

    def test_an_abort_is_its_own(self):
        done = self.autopsy(self.compiled(CRASH, "crash"), "abort")
        self.assertEqual(128 + signal.SIGABRT, done.returncode)
        self.assertIn("SIGABRT, sent by itself, as abort(3) does", done.stderr)
        self.assertIn("give_up()", done.stderr)

    def test_running_out_of_memory_is_said(self):
        group = self.memory_group()
        hog = f"open({str(group / 'cgroup.procs')!r}, 'w').write('0'); x = bytearray(1 << 28)"
        done = self.autopsy(PYTHON, "-c", hog)
        self.assertEqual(128 + signal.SIGKILL, done.returncode, done.stderr)
        self.assertRegex(done.stderr, r"SIGKILL, (probably )?sent by the kernel: (it|its memory cgroup) was out of memory")

    def memory_group(self):
        for root, limit, swap in ((Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes", None),
                                  (Path("/sys/fs/cgroup"), "memory.max", "memory.swap.max")):
            group = root / f"autopsy-test-{os.getpid()}"
            try:
                group.mkdir()
                self.addCleanup(until, lambda group=group: not group.exists() or group.rmdir() is None, 5)
                (group / limit).write_text(str(64 << 20))
                if swap and (group / swap).exists():
                    (group / swap).write_text("0")
                return group
            except OSError:
                if group.exists():
                    group.rmdir()
        return self.skipTest("no memory controller that may be used")

    # --- what cannot be run ---

    def test_a_command_that_is_not_there(self):
        done = self.autopsy("no-such-command")
        self.assertEqual(4, done.returncode)
        self.assertIn("cannot find the command no-such-command", done.stderr)

    def test_a_missing_library_is_named(self):
        self.compiled("int given() { return 0; }", "libgone.so", "-shared", "-fPIC")
        program = self.compiled("int given(); int main() { return given(); }", "needs", "-L.", "-lgone", "-Wl,-rpath,$ORIGIN")
        self.assertEqual(0, self.autopsy(program).returncode)
        (self.folder / "libgone.so").unlink()
        done = self.autopsy(program)
        self.assertEqual(127, done.returncode)
        self.assertIn("the shared library libgone.so is missing", done.stderr)

    def test_another_architecture(self):
        header = bytearray(64)
        header[:20] = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00" + (183).to_bytes(2, "little")
        program = self.executable("foreign", bytes(header))
        done = self.autopsy(program)
        self.assertEqual(4, done.returncode)
        self.assertIn("it is built for aarch64, this machine is x86-64", done.stderr)

    def test_an_interpreter_that_is_not_there(self):
        done = self.autopsy(self.executable("script", b"#!/no/such/shell\n"))
        self.assertEqual(4, done.returncode)
        self.assertIn("the interpreter of its first line, /no/such/shell, is not there", done.stderr)
        done = self.autopsy(self.executable("dos", b"#!/bin/sh\r\necho\r\n"))
        self.assertEqual(4, done.returncode)
        self.assertIn("carriage return", done.stderr)

    def executable(self, name, content):
        path = self.folder / name
        path.write_bytes(content)
        path.chmod(0o755)
        return path

    def test_wrong_usage(self):
        self.assertEqual(2, lastcall("autopsy").code)
        self.assertEqual(2, lastcall("autopsy", "--hang", "soon", "--", "true").code)

    # --- the command runs as without ---

    def test_input_and_output_pass_unchanged(self):
        data = bytes(range(256)) * 4096
        done = subprocess.run([LASTCALL, "autopsy", "--", "cat"], input=data, capture_output=True, timeout=60)
        self.assertEqual((0, data), (done.returncode, done.stdout))

    def test_descriptors_limits_and_dispositions_are_inherited(self):
        code = ("import os, resource, signal; print(os.read(int(os.environ['GIVEN']), 5), os.listdir('/proc/self/fd'), "
                "resource.getrlimit(resource.RLIMIT_NOFILE)[0], signal.pthread_sigmask(signal.SIG_BLOCK, []), "
                "os.getpgrp() == os.getpgid(os.getppid()), "
                "open('/proc/self/status').read().split('SigIgn:')[1].split()[0])")
        said = []
        for words in ([LASTCALL, "autopsy", "--output", self.folder / "report", "--"], ["env"]):
            reading, writing = os.pipe()
            os.write(writing, b"given")
            os.close(writing)
            done = subprocess.run([*words, PYTHON, "-c", code], capture_output=True, text=True, pass_fds=[reading],
                                  env={**os.environ, "GIVEN": str(reading)}, timeout=60)
            os.close(reading)
            said.append(done.stdout)
        self.assertEqual(said[1], said[0])
        self.assertIn("b'given'", said[0])

    def test_a_signal_to_lastcall_is_passed_on_once(self):
        code = ("import signal, sys; print('ready', flush=True); "
                "first = signal.sigwait([signal.SIGTERM]); "
                "second = signal.sigtimedwait([signal.SIGTERM], 0.3); print(first, second); sys.exit(5)")
        block = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); "
        run, _ = self.begin(PYTHON, "-c", block + code)
        run.send_signal(signal.SIGTERM)
        code, out, err = self.end(run)
        self.assertEqual((5, "15 None\n"), (code, out.replace("Signals.SIGTERM", "15")))
        self.assertRegex(err, r"ended by +exit code 5")

    def test_a_signal_to_the_whole_group_comes_once(self):
        code = ("import signal, time; took = []; signal.signal(signal.SIGTERM, lambda *_: took.append(1)); "
                "print('ready', flush=True)\n"
                "while not took: time.sleep(0.01)\n"
                "time.sleep(0.3)\n"
                "print(len(took))")
        run = subprocess.Popen([LASTCALL, "autopsy", "--", PYTHON, "-c", code], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, start_new_session=True)
        self.assertEqual("ready\n", run.stdout.readline())
        os.killpg(run.pid, signal.SIGTERM)
        self.assertEqual((0, "1\n"), self.end(run)[:2])

    def test_a_signal_that_was_passed_on_is_said_to_be(self):
        run, _ = self.begin(PYTHON, "-c", READY)
        run.send_signal(signal.SIGTERM)
        code, _, err = self.end(run)
        self.assertEqual(143, code)
        self.assertRegex(err, rf"SIGTERM, sent to lastcall and passed on, by pid {os.getpid()} ")

    def test_a_killed_lastcall_ends_the_command(self):
        run, _ = self.begin(PYTHON, "-c", READY)
        run.kill()
        run.wait()
        self.assert_nobody_is_left(5)

    # --- what still runs ---

    def test_a_deadlock_after_the_stop_is_explained(self):
        run, _ = self.begin("sh", "-c", f"trap '' TERM; exec {BIN}/waits_subject mutexes",
                            options=("--hang", "300ms", "--json"))
        run.send_signal(signal.SIGTERM)
        lines = []
        for line in run.stderr:
            lines.append(line)
            if "interrupt once more" in line:
                break
        text = "".join(lines)
        self.assertIn("still running", text)
        self.assertRegex(text, r"deadlock of 2 threads: worker-1 \(\d+\) in .* waits for mutex .* held by worker-2")
        run.send_signal(signal.SIGINT)
        code, out, _ = self.end(run)
        self.assertEqual(128 + signal.SIGKILL, code)
        report = json.loads(out)
        self.assertTrue(report["hang"]["stuck"][0]["deadlock"])
        self.assertIn("sent by lastcall", report["processes"][0]["ended_by"])

    def test_what_is_left_is_said_and_ends(self):
        done = self.autopsy("sh", "-c", "sleep 1000 & echo $!; until grep -q sleep /proc/$!/comm; do :; done")
        self.assertEqual(0, done.returncode)
        self.assertRegex(done.stderr, r"left +at its exit: child \d+ \(sleep\) is alive\n")
        self.assertRegex(done.stderr, rf"pid {done.stdout.strip()} \(sleep 1000\) still ran")
        self.assertTrue(until(lambda: ended(done.stdout.strip()), 5))

    def test_follow_stays_with_a_daemon(self):
        done = self.autopsy("sh", "-c", "(sleep 0.3; exit 4) & exit 0", options=["--follow"])
        self.assertEqual(0, done.returncode)
        self.assertRegex(done.stderr, r"also +pid \d+ .* ended by exit code 4")

    # --- JSON and ports ---

    def test_json_says_the_same(self):
        done = self.autopsy("sh", "-c", "echo out; exit 3", options=["--json", "--output", "report.json"])
        self.assertEqual((3, "out\n", ""), (done.returncode, done.stdout, done.stderr))
        report = json.loads((self.folder / "report.json").read_text())
        [process] = report["processes"]
        self.assertEqual((report["pid"], 3, "out\n"), (process["pid"], process["exit"], process["last_words"]))
        self.assertEqual("exit_group(3)", process["last_calls"][-1]["call"])
        self.assertEqual([], report["program"]["problems"])

    def test_a_port_that_speaks_tls_and_one_that_does_not(self):
        key, certificate = self.folder / "key.pem", self.folder / "certificate.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                        "-days", "2", "-subj", "/CN=shop.example"], check=True, capture_output=True)
        # It ends once both were asked.
        serve = ("import http.server, ssl, sys, threading\n"
                 "asked = [threading.Event(), threading.Event()]\n"
                 "class Handler(http.server.SimpleHTTPRequestHandler):\n"
                 "    def log_message(self, *_): pass\n"
                 "    def do_HEAD(self): super().do_HEAD(); asked[1].set()\n"
                 "class Server(http.server.ThreadingHTTPServer):\n"
                 "    def get_request(self): got = super().get_request(); asked[0].set(); return got\n"
                 "tls = Server(('127.0.0.1', 0), Handler)\n"
                 "context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); context.load_cert_chain(*sys.argv[1:])\n"
                 "tls.socket = context.wrap_socket(tls.socket, server_side=True)\n"
                 "plain = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)\n"
                 "for one in (tls, plain): threading.Thread(target=one.serve_forever, daemon=True).start()\n"
                 "print(tls.server_port, plain.server_port, flush=True)\n"
                 "for one in asked: one.wait(20)\n")
        done = self.autopsy(PYTHON, "-c", serve, certificate, key, options=["--probe-tls"])
        tls, plain = done.stdout.split()
        self.assertRegex(done.stderr, rf"127\.0\.0\.1:{tls}: speaks TLSv1\.3, certificate CN=shop\.example\n")
        self.assertRegex(done.stderr, rf"127\.0\.0\.1:{plain}: does not speak TLS: it answers plain HTTP\n")


if __name__ == "__main__":
    unittest.main()
