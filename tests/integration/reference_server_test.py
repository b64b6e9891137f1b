"""The reference server itself, run without lastcall: identity, configuration, endpoints, reload, exit codes, and the
files that lie next to it."""
import base64
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

from lastcall_cli import LASTCALL, SOURCE, temporary_folder, until

SERVER = shutil.which(LASTCALL) and Path(shutil.which(LASTCALL)).resolve().parent / "reference_server"
FILES = SOURCE / "targets" / "reference_server"
# A stop takes some 0.1 s; this is for a machine that is busy with other tests.
LIMIT = 30


def environment(**variables):
    """Nothing of ours from outside: a variable that is unknown is an error."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("APP_") and name != "TLS_MODE"}
    return {**kept, **variables}


def run(*words, **variables):
    return subprocess.run([SERVER, *map(str, words)], env=environment(**variables), capture_output=True, text=True,
                          timeout=LIMIT)


class WebSocket:
    """As much of a client as the tests need, RFC 6455."""

    def __init__(self, port, path, protocol=""):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
        key = base64.b64encode(os.urandom(16)).decode()
        offer = f"Sec-WebSocket-Protocol: {protocol}\r\n" if protocol else ""
        self.socket.sendall((f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{offer}\r\n").encode())
        self.head = b""
        while b"\r\n\r\n" not in self.head:
            self.head += self.exactly(1)
        self.head = self.head.decode()

    def exactly(self, size):
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def send(self, text, opcode=1):
        payload = text if isinstance(text, bytes) else text.encode()
        size = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
        self.socket.sendall(bytes([0x80 | opcode]) + size + b"\0\0\0\0" + payload)

    def read(self):
        """(opcode, payload) of the next frame."""
        head = self.exactly(2)
        size = head[1] & 0x7F
        if size == 126:
            size = int.from_bytes(self.exactly(2), "big")
        return head[0] & 0x0F, self.exactly(size)

    def ask(self, text):
        self.send(text)
        return self.read()[1].decode()

    def close_code(self):
        """Reads up to the Close frame, answers it, and reads to the end."""
        while True:
            opcode, payload = self.read()
            if opcode == 9:
                self.send(payload, 10)
            if opcode == 8:
                break
        self.send(payload, 8)
        while self.socket.recv(1000):
            pass
        self.socket.close()
        return int.from_bytes(payload[:2], "big")


class Server:
    """A running one; `config` is the text of its configuration."""

    def __init__(self, folder, config="", words=(), **variables):
        self.folder = folder
        self.config = folder / "server.toml"
        self.config.write_text(config)
        self.log_path = folder / "log"
        self.out = open(self.log_path, "a")
        self.began = self.log_path.stat().st_size
        self.process = subprocess.Popen(
            [SERVER, "--config", self.config, "--port", "0", "--state", folder / "state", *map(str, words)],
            env=environment(**variables), stdout=self.out, stderr=self.out)
        until(lambda: "ready: listening on" in self.log() or self.process.poll() is not None, LIMIT)
        found = re.search(r"ready: listening on (\d+)(?:, TLS on (\d+))?", self.log())
        self.port = int(found[1]) if found else None
        self.tls_port = int(found[2]) if found and found[2] else None

    def log(self):
        return self.log_path.read_text()[self.began:]

    def ask(self, path, body=None):
        """(status, text)"""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}",
                                         data=None if body is None else body.encode())
        try:
            with urllib.request.urlopen(request, timeout=LIMIT) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()

    def metric(self, name):
        return int(re.search(rf"^reference_server_{name} (\d+)$", self.ask("/metrics")[1], re.M)[1])

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(LIMIT)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.out.close()


class ReferenceServerTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = Path(self.enterContext(temporary_folder()))

    def start(self, config="", words=(), **variables):
        server = Server(self.folder, config, words, **variables)
        self.addCleanup(server.close)
        self.assertIsNotNone(server.port, server.log())
        return server

    def connect(self, server, path, protocol=""):
        client = WebSocket(server.port, path, protocol)
        self.addCleanup(client.socket.close)
        return client

    def check(self, config, **variables):
        path = self.folder / "checked.toml"
        path.write_text(config)
        done = run("--config", path, "--check", **variables)
        return done.returncode, done.stderr.replace(str(path), "FILE")


class Identity(ReferenceServerTest):
    def test_version_and_health_name_the_same_build(self):
        done = run("--version")
        self.assertEqual(0, done.returncode)
        build = re.search(r"^build id: ([0-9a-f]{40})$", done.stdout, re.M)
        self.assertTrue(build, done.stdout)
        self.assertRegex(done.stdout, r"compiler: \S+")
        self.assertRegex(done.stdout, r"features: tls yes")
        health = json.loads(self.start().ask("/health")[1])
        self.assertEqual(build[1], health["build_id"])
        self.assertIs(True, health["features"]["tls"])
        self.assertEqual("serving", health["status"])

    @unittest.skipUnless(shutil.which("readelf"), "no readelf here")
    def test_the_build_id_is_that_of_the_file(self):
        notes = subprocess.run(["readelf", "-n", SERVER], capture_output=True, text=True).stdout
        self.assertIn(re.search(r"Build ID: (\w+)", notes)[1], run("--version").stdout)


class ConfigurationFile(ReferenceServerTest):
    def test_a_good_one_is_said_to_be_good(self):
        self.assertEqual((0, ""), self.check(run("--settings").stdout))

    def test_all_errors_are_said_with_line_and_nearest_name(self):
        code, errors = self.check("[server]\nprot = 1\n\n[log]\nlevel = \"loud\"\n[shutdwn]\n",
                                  APP_SHUTDOWN_TIMEOUT_SECS="never")
        self.assertEqual(2, code)
        self.assertIn("FILE:2:1: unknown key 'prot'; did you mean 'port'?", errors)
        self.assertIn("FILE:5:9: 'log.level' is 'loud', allowed are trace, debug, info, warning, error", errors)
        self.assertIn("FILE:6:2: unknown table 'shutdwn'; did you mean 'shutdown'?", errors)
        self.assertIn("APP_SHUTDOWN_TIMEOUT_SECS: 'never' is no number", errors)

    def test_bad_configuration_and_arguments_exit_with_2(self):
        path = self.folder / "bad.toml"
        path.write_text("[server]\nport = true\n")
        self.assertEqual(2, run("--config", path).returncode)
        self.assertEqual(2, run("--config", self.folder / "none.toml").returncode)
        self.assertEqual(2, run("--no-such-flag").returncode)
        self.assertEqual(2, run("--port", "many").returncode)
        self.assertEqual(0, run("--help").returncode)

    def test_a_watchdog_interval_that_is_too_long_is_refused(self):
        done = run("--port", "0", "--state", self.folder / "state", WATCHDOG_USEC="1000000",
                   APP_SHUTDOWN_WATCHDOG_INTERVAL_MS="600", NOTIFY_SOCKET="/none")
        self.assertEqual(2, done.returncode, done.stdout + done.stderr)
        self.assertIn("half", done.stderr)

    def test_the_environment_overrides_the_file(self):
        server = self.start("[log]\nlevel = \"error\"\n", APP_LOG_LEVEL="debug")
        self.assertIn('log_level{level="debug"} 1', server.ask("/metrics")[1])


@unittest.skipUnless(shutil.which("openssl"), "no openssl here")
class Tls(ReferenceServerTest):
    def setUp(self):
        super().setUp()
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=localhost", "-keyout", self.folder / "key.pem", "-out", self.folder / "cert.pem"],
                       check=True, capture_output=True)
        self.words = ["--tls-port", "0", "--cert", self.folder / "cert.pem", "--key", self.folder / "key.pem"]

    def test_tls_is_on_with_a_certificate_and_off_when_told(self):
        on = self.start(words=self.words)
        self.assertTrue(on.tls_port)
        self.assertEqual(0, on.stop())
        off = self.start(words=self.words, TLS_MODE="disabled")
        self.assertIsNone(off.tls_port)
        self.assertEqual(0, off.stop())
        by_file = self.start("[tls]\nenabled = false\n", words=self.words)
        self.assertIsNone(by_file.tls_port)


class Serving(ReferenceServerTest):
    def test_events_are_there_after_sigkill_once(self):
        server = self.start()
        self.assertEqual(201, server.ask("/events", '{"id":"a"}')[0])
        self.assertEqual(200, server.ask("/events", '{"id":"a"}')[0])
        self.assertEqual(400, server.ask("/events", "nonsense")[0])
        server.process.kill()
        server.process.wait()
        again = self.start()
        self.assertEqual(200, again.ask("/events/a")[0])
        self.assertEqual(404, again.ask("/events/b")[0])
        self.assertEqual(["a"], [event["id"] for event in json.loads(again.ask("/events")[1])["events"]])

    def test_charge_points_and_staff_are_answered(self):
        server = self.start()
        point = self.connect(server, "/ocpp/CP1", "ocpp1.6")
        self.assertIn("Sec-WebSocket-Protocol: ocpp1.6", point.head)
        self.assertTrue(point.ask('[2,"1","BootNotification",{}]').startswith('[3,"1",{"status":"Accepted"'))
        self.assertTrue(point.ask('[2,"2","Heartbeat",{}]').startswith('[3,"2",{'))
        self.assertTrue(point.ask('[2,"3","Reset",{}]').startswith('[4,"3","NotImplemented"'))
        staff = self.connect(server, "/staff")
        self.assertIn('"type":"init"', staff.ask('{"type":"init","user":"ann"}'))
        self.assertEqual('{"type":"ack","id":"m"}', staff.ask('{"type":"message","id":"m","text":"hello"}'))
        self.assertIn('"text":"hello"', staff.ask('{"type":"history","id":"h"}'))
        nobody = self.connect(server, "/nowhere")
        self.assertTrue(nobody.head.startswith("HTTP/1.1 404"))
        nobody.socket.close()
        listed = [event["id"] for event in json.loads(server.ask("/events")[1])["events"]]
        self.assertEqual(["1", "2", "m", "h"], listed)
        server.process.send_signal(signal.SIGTERM)
        self.assertEqual(1001, point.close_code())
        self.assertEqual(1001, staff.close_code())
        self.assertEqual(0, server.stop())

    def test_an_exception_in_a_handler_ends_one_connection_only(self):
        server = self.start("[server]\ntest_throw_on = \"boom\"\n")
        other = self.connect(server, "/staff")
        failing = self.connect(server, "/staff")
        failing.send('{"type":"message","id":"m","text":"boom"}')
        self.assertEqual(1011, failing.close_code())
        self.assertEqual(1, server.metric("handler_failures_total"))
        self.assertTrue(until(lambda: " error the handler of staff failed: told to throw" in server.log(), LIMIT))
        self.assertEqual('{"type":"ack","id":"n"}', other.ask('{"type":"message","id":"n","text":"fine"}'))
        self.assertEqual(200, server.ask("/health")[0])

    def test_pings_keep_who_answers_and_end_who_does_not(self):
        server = self.start("[server]\nping_interval_ms = 300\n")
        silent = self.connect(server, "/staff")
        self.assertTrue(until(lambda: server.metric("peers_lost_total") == 1, LIMIT))
        silent.socket.close()
        lively = self.connect(server, "/staff")
        for _ in range(5):
            opcode, payload = lively.read()
            self.assertEqual(9, opcode)
            lively.send(payload, 10)
        self.assertEqual(1, server.metric("peers_lost_total"))

    def test_more_clients_than_the_limit_wait_their_turn(self):
        server = self.start("[server]\nmax_connections = 1\n")
        first = self.connect(server, "/staff")
        second = socket.create_connection(("127.0.0.1", server.port), timeout=LIMIT)
        second.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        second.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            second.recv(10)
        first.socket.close()
        second.settimeout(LIMIT)
        self.assertTrue(second.recv(100).startswith(b"HTTP/1.1 200"))
        second.close()

    def test_the_counters_of_all_lives_are_kept(self):
        for life in (1, 2):
            server = self.start()
            self.assertEqual(0, server.stop())
            done = run("--inspect-checkpoint", self.folder / "state" / "checkpoint")
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertEqual((life, life), (json.loads(done.stdout)["starts"], json.loads(done.stdout)["stops"]))

    def test_a_damaged_checkpoint_is_seen_and_the_one_before_is_used(self):
        self.assertEqual(0, self.start().stop())
        checkpoint = self.folder / "state" / "checkpoint"
        checkpoint.write_bytes(checkpoint.read_bytes()[:-3])
        self.assertEqual(1, run("--inspect-checkpoint", checkpoint).returncode)
        again = self.start()
        self.assertIn("the checkpoint before the last is used", again.log())
        self.assertEqual(0, again.stop())

    def test_a_database_that_lost_events_is_noticed(self):
        server = self.start()
        server.ask("/events", '{"id":"a"}')
        self.assertEqual(0, server.stop())
        (self.folder / "state" / "events.db").unlink()
        self.assertIn("events are missing", self.start().log())

    def test_the_log_goes_to_a_file_when_told(self):
        server = Server(self.folder, f'[log]\nfile = "{self.folder}/own.log"\n')
        self.addCleanup(server.close)
        own = self.folder / "own.log"
        self.assertTrue(until(lambda: own.exists() and "ready:" in own.read_text(), LIMIT))
        self.assertEqual(0, server.stop())
        self.assertIn("stopped after", own.read_text())
        self.assertEqual("", server.log())


class Reload(ReferenceServerTest):
    def test_connections_stay_and_level_and_limits_change(self):
        server = self.start("[log]\nlevel = \"info\"\n")
        staff = self.connect(server, "/staff")
        server.config.write_text("[log]\nlevel = \"debug\"\nasync = false\n[server]\nmax_message_bytes = 100\n")
        server.process.send_signal(signal.SIGHUP)
        self.assertTrue(until(lambda: "log.async changes at the next start only" in server.log(), LIMIT))
        self.assertRegex(server.log(), "reloaded: .*log.level")
        self.assertIn('log_level{level="debug"} 1', server.ask("/metrics")[1])
        self.assertEqual('{"type":"ack","id":"m"}', staff.ask('{"type":"message","id":"m","text":"still here"}'))
        limited = self.connect(server, "/staff")
        limited.send('{"type":"message","id":"n","text":"' + "x" * 200 + '"}')
        self.assertEqual(1009, limited.close_code())

    def test_a_bad_configuration_is_refused_and_the_old_one_kept(self):
        server = self.start("[log]\nlevel = \"info\"\n")
        server.config.write_text("[log]\nlevle = \"debug\"\n")
        server.process.send_signal(signal.SIGHUP)
        self.assertTrue(until(lambda: "the configuration stays as it was" in server.log(), LIMIT))
        self.assertIn(":2:1: unknown key 'levle'; did you mean 'level'?", server.log())
        self.assertIn('log_level{level="info"} 1', server.ask("/metrics")[1])
        self.assertEqual(0, server.stop())


class Stop(ReferenceServerTest):
    def test_both_signals_end_it_with_0(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            server = self.start()
            self.assertEqual(0, server.stop(number))
            self.assertRegex(server.log(), r"stopping: SIG(TERM|INT), \d+ connections")
            self.assertRegex(server.log(), r"stopped after \d+ ms with 0 events, 0 promises broken\n$")

    def test_health_says_503_before_the_listener_goes_and_requests_finish(self):
        server = self.start("[shutdown]\nlame_duck_ms = 3000\n")
        slow = socket.create_connection(("127.0.0.1", server.port), timeout=LIMIT)
        slow.sendall(b"GET /slow?ms=300 HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertTrue(until(lambda: server.metric("requests_total") > 2, LIMIT))
        server.process.send_signal(signal.SIGTERM)
        self.assertTrue(until(lambda: server.ask("/health")[0] == 503, LIMIT))
        self.assertEqual(503, server.ask("/ready")[0])
        self.assertEqual(503, server.ask("/events", '{"id":"late"}')[0])
        self.assertTrue(slow.recv(1000).startswith(b"HTTP/1.1 200"))
        slow.close()
        self.assertEqual(0, server.stop())

    def test_a_peer_that_had_to_be_forced_is_exit_code_1(self):
        server = self.start("[server]\nclose_timeout_ms = 200\n")
        silent = self.connect(server, "/staff")
        self.assertEqual(1, server.stop())
        self.assertIn("promise broken: peers: cannot close 1 connections in order", server.log())
        silent.socket.close()

    def test_a_checkpoint_that_cannot_be_written_is_exit_code_1(self):
        server = self.start()
        # A folder in the place of the temporary file: nothing can be written there.
        (self.folder / "state" / "checkpoint.tmp").mkdir()
        self.assertEqual(1, server.stop())
        self.assertIn("promise broken: checkpoint", server.log())

    def test_a_clean_up_that_hangs_is_abandoned(self):
        server = self.start("[shutdown]\ncleanup_ms = 200\ntest_hang_resource = true\n")
        self.assertEqual(1, server.stop())
        self.assertIn("promise broken: test-hang-resource: timed out", server.log())
        self.assertRegex(server.log(), r"stopped after \d+ ms with 0 events, 1 promises broken\n")

    def test_past_the_total_it_ends_and_says_what_was_forced(self):
        server = self.start("[shutdown]\ntimeout_secs = 1\nrepeat = \"force\"\n")
        slow = socket.create_connection(("127.0.0.1", server.port), timeout=LIMIT)
        slow.sendall(b"GET /slow?ms=60000 HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertTrue(until(lambda: server.metric("requests_total") > 1, LIMIT))
        self.assertEqual(1, server.stop())
        self.assertIn("were forced", server.log())
        slow.close()

    def test_a_second_signal_forces_where_that_is_the_policy(self):
        server = self.start("[shutdown]\nrepeat = \"force\"\nlame_duck_ms = 20000\n")
        server.process.send_signal(signal.SIGTERM)
        self.assertTrue(until(lambda: "stopping:" in server.log(), LIMIT))
        begin = time.monotonic()
        self.assertEqual(1, server.stop(signal.SIGINT))
        self.assertLess(time.monotonic() - begin, 15)  # without it, it stays for 20 s
        self.assertIn("a second SIGINT came", server.log())


class FilesBeside(ReferenceServerTest):
    def ctl(self, *words, **variables):
        return subprocess.run([FILES / "ctl.sh", *words], capture_output=True, text=True, timeout=LIMIT,
                              env=environment(REFERENCE_SERVER=str(SERVER), REFERENCE_SERVER_PLAIN="1",
                                              REFERENCE_SERVER_RUN=str(self.folder / "run"),
                                              REFERENCE_SERVER_CONFIG=str(self.folder / "ctl.toml"), **variables))

    def free_port(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    def test_ctl_starts_stops_and_asks(self):
        port = self.free_port()
        (self.folder / "ctl.toml").write_text(f'[server]\nport = {port}\nstate = "{self.folder}/state"\n')
        url = {"REFERENCE_SERVER_URL": f"http://127.0.0.1:{port}/health"}
        self.assertEqual(3, self.ctl("status").returncode)
        started = self.ctl("start")
        self.assertEqual(0, started.returncode, started.stdout + started.stderr)
        self.addCleanup(self.ctl, "stop")
        self.assertIn("running, pid", self.ctl("status").stdout)
        self.assertIn("runs already", self.ctl("start").stdout)
        if shutil.which("curl"):
            self.assertIn('"status":"serving"', self.ctl("health", **url).stdout)
        self.assertEqual(0, self.ctl("reload").returncode)
        self.assertEqual(0, self.ctl("restart").returncode)
        self.assertIn("stopped with exit code 0", self.ctl("stop").stdout)
        self.assertEqual(3, self.ctl("status").returncode)
        self.assertEqual(2, self.ctl("logs", "100").stdout.count("stopped after"))
        self.assertEqual(2, self.ctl("nonsense").returncode)
        if shutil.which("curl"):
            self.assertNotEqual(0, self.ctl("health", **url).returncode)

    def test_ctl_says_why_the_server_does_not_start(self):
        (self.folder / "ctl.toml").write_text("[server]\nprot = 1\n")
        failed = self.ctl("start")
        self.assertEqual(1, failed.returncode)
        self.assertIn("did you mean 'port'?", failed.stderr)
        self.assertIn("exit code 2", failed.stderr)

    def install(self, *words):
        return subprocess.run([FILES / "install.sh", *map(str, words), "--prefix", self.folder / "usr", "--config",
                               self.folder / "etc" / "server.toml", "--units", self.folder / "units"],
                              capture_output=True, text=True, timeout=LIMIT, env=environment())

    def said_of(self, unit):
        """What systemd-analyze says of our unit, and of no unit of another package: it is shown none but the targets
        that ours needs, and a neighbour with a defect of its own."""
        around = self.folder / "around"
        wanted = around / "sysinit.target.wants"
        wanted.mkdir(parents=True, exist_ok=True)
        for target in ("sysinit", "basic", "shutdown", "network", "multi-user"):
            (around / f"{target}.target").write_text("[Unit]\n")
        (wanted / "neighbour.service").write_text("[Service]\nType=oneshot\nExecStart=/bin/true\nEnvironment=none\n")
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True,
                              timeout=LIMIT, env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8",
                                                  "SYSTEMD_UNIT_PATH": str(around)})
        lines = done.stderr.splitlines()
        if not any("neighbour.service" in line for line in lines):
            self.skipTest(f"systemd-analyze cannot work here: {done.stderr}")
        ours = [line for line in lines if unit.name in line]
        if done.returncode != 0:
            self.assertNotEqual([], ours, done.stderr)
        return ours

    def test_install_lays_out_the_files_and_keeps_a_configuration(self):
        done = self.install(SERVER)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        config = self.folder / "etc" / "server.toml"
        config.write_text(config.read_text() + "# ours\n")
        self.assertEqual(0, self.install(SERVER).returncode)
        self.assertIn("# ours", config.read_text())
        self.assertIn("only the files are laid out", done.stdout)
        unit = (self.folder / "units" / "reference_server.service").read_text()
        self.assertIn(f"ExecStart={self.folder}/usr/bin/reference_server --config {config}", unit)
        self.assertEqual(0, self.install("--uninstall").returncode)
        self.assertFalse((self.folder / "usr" / "bin" / "reference_server").exists())
        self.assertTrue(config.exists())

    @unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd-analyze here")
    def test_systemd_finds_no_defect_in_the_installed_unit_but_any_that_is_put_there(self):
        done = self.install(SERVER)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        unit = self.folder / "units" / "reference_server.service"
        good = unit.read_text()
        self.assertEqual([], self.said_of(unit))
        for right, wrong in (("Type=notify", "Type=notfy"), ("WatchdogSec=10", "WatchdogSec=soon"),
                             ("KillMode=", "KilMode="), ("[Service]", "[Servce]"),
                             (f"ExecStart={self.folder}", f"ExecStart={self.folder}/nowhere"),
                             ("[Service]", "Requires=nowhere.service\n[Service]")):
            with self.subTest(wrong=wrong):
                self.assertIn(right, good)
                unit.write_text(good.replace(right, wrong))
                self.assertNotEqual([], self.said_of(unit))

    def test_the_unit_is_of_type_notify_with_a_watchdog(self):
        unit = (FILES / "reference_server.service").read_text()
        self.assertIn("Type=notify", unit)
        self.assertRegex(unit, r"WatchdogSec=\d+")


if __name__ == "__main__":
    unittest.main()
