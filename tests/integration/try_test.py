"""`lastcall try` and `lastcall init`: a command and nothing else. Servers as they are must not be called wrong, planted
ones must."""
import json
import os
import re
import shutil
import socket
import subprocess
import unittest

from lastcall_cli import LASTCALL, PYTHON, SOURCE, LastcallTest, lastcall

PATH = os.environ["PATH"] + ":/usr/sbin"
NODE_SERVER = SOURCE / "targets" / "ws_node"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def needs(program):
    return unittest.skipUnless(shutil.which(program, path=PATH), f"{program} is not installed")


class TryTest(LastcallTest):
    """Runs `try` in a folder of its own, which it leaves as it was."""

    def setUp(self):
        super().setUp()
        self.here = self.folder / "here"
        self.here.mkdir()

    def tried(self, *words, options=(), environment=None, trials=1, seconds=60):
        """The most important stops come first; with few `seconds`, the others are not tried."""
        self.numbered += 1
        results = self.folder / f"results-{self.numbered}"
        name, value = self.mark.split("=")
        run = lastcall("try", "--trials", trials, "--for", f"{seconds}s", "--results", results, *options, "--", *words, cwd=self.here,
                       env={**os.environ, "PATH": PATH, name: value, **(environment or {})}, limit=120)
        self.assert_nobody_is_left(5)
        return run

    def assert_right(self, run):
        """Nothing is called wrong. On a busy machine something may stay unjudged."""
        self.assertNotIn("WRONG", run.out, str(run))
        self.assertNotIn("FAILED", run.out, str(run))
        self.assertIn(run.code, (0, 3) if run.was_held_up else (0,), str(run))
        self.assertRegex(run.out, r"\n(All that was judged held|held) \(\d+ trials?\): serves, .*clean-exit, deadline")

    def own(self, *words):
        return [PYTHON, self.folder / "servers" / "tried.py", *words]


class Right(TryTest):
    def test_http_server_with_a_fixed_port(self):
        port = free_port()
        run = self.tried(*self.own(port, "--ms", 20))
        self.assert_right(run)
        self.assertRegex(run.out, rf"127\.0\.0\.1:{port} speaks HTTP \(BaseHTTP/.*\), / answers 200 in ")
        self.assertIn("in-flight-finished", run.out)
        self.assertEqual([], list(self.here.iterdir()), "something was written where the user is")

    def test_its_results_are_a_store_for_the_gate(self):
        run = self.tried(*self.own("{port}", "--ms", 20), seconds=12)
        told = json.loads((run.results / "report.json").read_text())["scenarios"]
        kept = json.loads(lastcall("report", run.results / "results.sqlite", "--format", "json").out)["scenarios"]
        # Also those that were not tried. A failure that is none for these clients is none in the store.
        by_name = {one["scenario"]: one for one in kept}
        for one in told:
            self.assertEqual(one["properties"], by_name[one["scenario"]]["properties"])
        policy = self.folder / "gate.toml"
        policy.write_text('[gate]\nfails_at_most = "99 %"\nunknown_at_most = "100 %"\n')
        gate = lastcall("gate", run.results, "--policy", policy, "--all")
        self.assertIn(gate.code, (0, 3), str(gate))
        self.assertRegex(gate.out, r"(passed|not-settled)  clean-exit: fails 0 of ")

    def test_tls_server(self):
        key, certificate = self.folder / "key.pem", self.folder / "cert.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                        "-days", "2", "-subj", "/CN=localhost"], check=True, capture_output=True)
        run = self.tried(*self.own("{port}", "--tls", certificate, key), seconds=5)
        self.assert_right(run)
        self.assertIn("speaks TLS: HTTP", run.out)
        self.assertRegex(run.out, "held .*close-handshake")

    def test_websocket_server(self):
        run = self.tried(PYTHON, self.folder / "servers" / "crowd.py", "{port}", seconds=20)
        self.assert_right(run)
        self.assertRegex(run.out, r"WebSocket at /.* \(\{port\}, another one each trial\)")
        self.assertIn("idle WebSocket ...", run.out)

    @unittest.skipUnless((NODE_SERVER / "node_modules").exists() and shutil.which("node"), "ci/setup installs it")
    def test_websocket_server_that_serves_nothing_else(self):
        run = self.tried("node", NODE_SERVER / "server.mjs", "{port}", seconds=4)
        self.assertNotIn("WRONG", run.out, str(run))
        self.assertIn("WebSocket at /", run.out)

    @needs("nginx")
    def test_nginx_is_stopped_as_its_manual_says(self):
        (self.here / "nginx.conf").write_text(
            "daemon off; pid nginx.pid; error_log stderr; events {}\nhttp { access_log off; "
            "client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s; "
            f"server {{ listen 127.0.0.1:{free_port()}; location / {{ return 200 hi; }} }} }}")
        run = self.tried("nginx", "-p", self.here, "-c", self.here / "nginx.conf", "-e", "stderr",
                         seconds=6)
        self.assert_right(run)
        self.assertIn("with SIGQUIT", run.out)

    @needs("redis-server")
    def test_redis(self):
        run = self.tried("redis-server", "--port", free_port(), "--save", "", seconds=4)
        self.assert_right(run)
        self.assertIn("speaks Redis (RESP)", run.out)


    @unittest.skipUnless(shutil.which("node"), "ci/setup installs it")
    def test_http2_without_tls_is_said_and_not_called_wrong(self):
        run = self.tried("node", SOURCE / "tests" / "servers" / "tried" / "http2.mjs", "{port}", seconds=20)
        self.assert_right(run)
        self.assertRegex(run.out, r"speaks HTTP/2 only, / answers 200 in .*\n  port \d+: clients ask once over HTTP/2 and stay "
                         r"connected; whether requests under way are finished is not judged")
        self.assertIn("idle HTTP/2 connection .... held", run.out)


class Planted(TryTest):
    def test_requests_that_are_dropped_are_found(self):
        run = self.tried(*self.own("{port}", "--ms", 200, "--drops"), trials=2, seconds=20)
        self.assert_exit(1, run)
        self.assertRegex(run.out, r"WRONG, most important first:\n  in-flight-finished: .*\n    in .*under-load")
        again = re.search(r"see it again: lastcall (replay \S+)", run.out)
        self.assertIn("in-flight-finished", lastcall(*again[1].split()).out)

    def test_a_signal_that_is_ignored_is_one_finding(self):
        run = self.tried(*self.own("{port}", "--ignores"), options=("--deadline", "1s"))
        self.assert_exit(1, run)
        self.assertRegex(run.out, r"WRONG, most important first:\n  deadline: still running 1 s after SIGTERM")
        self.assertRegex(run.out, r"also failed, as a consequence: .*clean-exit")
        self.assertRegex(run.out, "not tried: .*it hangs")


class Commands(TryTest):
    def test_port_in_the_environment_becomes_one_for_each_trial(self):
        run = self.tried(*self.own(), environment={"PORT": str(free_port())}, seconds=2)
        self.assertIn("each trial has a port of its own", run.out, str(run))
        self.assertIn("calm stop ................. held", run.out)

    def test_port_in_front_of_the_command(self):
        run = self.tried("PORT={port}", *self.own(), seconds=2)
        self.assertIn("({port}, another one each trial)", run.out, str(run))

    def test_what_cannot_be_tried_is_said(self):
        for words, code, said in (
                (("./not-there",), 2, "not-there: No such file or directory"),
                (("sh", "-c", "echo bad option >&2; exit 3"), 3, "ended by itself: exit 3; its last line: bad option"),
                (("PORT=1",), 2, "no program is named"),
                (("sleep", "60"), 3, "listens at no port and prints nothing"),
                (("echo", "{dir}"), 2, "only {port} and {port.NAME} are replaced")):
            with self.subTest(words):
                run = self.tried(*words)
                self.assert_exit(code, run)
                self.assertIn(said, run.err)
        self.assertIn("--deadline", self.tried("true", options=("--deadline", "soon")).err)

    def test_a_worker_without_ports_is_stopped_without_clients(self):
        run = self.tried("sh", "-c", "trap 'exit 0' TERM INT; echo up; while :; do sleep 0.05; done",
                         seconds=3)
        self.assertIn("listens at no port: no clients", run.out, str(run))
        self.assertNotIn("WRONG", run.out)


class Init(TryTest):
    def test_scenario_that_it_writes_runs(self):
        done = subprocess.run([LASTCALL, "init", "--deadline", "5s", "--", *map(str, self.own("{port}", "--ms", 10))],
                              cwd=self.here, capture_output=True, text=True, timeout=60)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertTrue(10 <= len(done.stdout.splitlines()) <= 30, done.stdout)
        self.assertIn('url = "http://127.0.0.1:{port}/"', done.stdout)
        self.assertEqual(0, lastcall("validate", self.write(done.stdout)).code)
        run = self.run_scenario(done.stdout)
        self.assert_exit(0, run)

    def test_scenario_from_a_compose_file_needs_no_run(self):
        (self.here / "compose.yml").write_text(
            "services:\n  web:\n    command: ./server --quick\n    ports: ['80:8000']\n    stop_signal: SIGINT\n"
            "    healthcheck: { test: 'curl -f http://localhost:8000/up' }\n    stop_grace_period: 20s\n")
        done = lastcall("init", "--from", "compose.yml", cwd=self.here)
        self.assert_exit(0, done)
        self.assertIn('command = ["./server", "--quick"]', done.out)
        self.assertIn('url = "http://127.0.0.1:8000/up"', done.out)
        self.assertIn('stop = { signal = "SIGINT", deadline = "20s" }', done.out)
        self.assertEqual(0, lastcall("validate", self.write(done.out)).code)
        self.assertIn("no service api: web", lastcall("init", "--from", "compose.yml", "--service", "api",
                                                      cwd=self.here).err)


    def test_file_has_paths_as_seen_from_there_and_is_never_overwritten(self):
        (self.here / "server.sh").write_text("trap 'exit 0' TERM\necho up\nwhile :; do sleep 0.05; done\n")
        command = ("init", "-o", "ci/stop.toml", "--", "sh", "server.sh")
        self.assert_exit(0, lastcall(*command, cwd=self.here))
        self.here.rename(self.folder / "there")
        moved = self.folder / "there" / "ci" / "stop.toml"
        self.assertIn('cwd = ".."', moved.read_text())
        self.assert_exit(0, lastcall("run", moved, "--trials", 2, "--results", self.folder / "moved"))
        again = lastcall(*command, cwd=moved.parent.parent)
        self.assert_exit(2, again)
        self.assertIn("ci/stop.toml: File exists (remove it, or name another file)", again.err)


class Explain(LastcallTest):
    def test_a_kept_trial_is_told_as_show_tells_it(self):
        run = self.run_server("--code", "5")
        kept = run.results / run.trials[0]["directory"]
        for words in (("explain", kept), ("explain", run.results, 1), ("show", kept)):
            told = lastcall(*words)
            self.assert_exit(0, told)
            self.assertRegex(told.out, r"Trial 1 of .*(.|\n)*fail clean-exit\n +exit 5")
        self.assertEqual(lastcall("show", run.results).out, lastcall("explain", run.results).out)

    def test_words_have_a_page_from_the_tables(self):
        for word, said in (("deadline", "a key of [target.stop]"), ("deadline", "deadline, a property"),
                           ("target.ready.timeout", 'Default: "10s"'), ("storm", "many signals"),
                           ("slow-reader", "a behaviour of clients"), ("in-flight-finished", "settling: ")):
            with self.subTest(word):
                run = lastcall("explain", word)
                self.assert_exit(0, run)
                self.assertIn(said, run.out)
        self.assertIn("did you mean 'deadline'?", lastcall("explain", "dedline").err)
        self.assertEqual(2, lastcall("explain", "dedline").code)


if __name__ == "__main__":
    unittest.main()
