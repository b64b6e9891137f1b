"""targets/shutdown as its users get it: installed, found by find_package, linked into its example."""
import os
import shutil
import signal
import socket
import subprocess
import unittest
from pathlib import Path

from lastcall_cli import temporary_folder

LIBRARY = Path(__file__).resolve().parents[2] / "targets" / "shutdown"
PATIENCE = 20  # seconds, for what takes milliseconds on an idle machine


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}\n{done.stdout}")


def cache(folder):
    """Options of CMake for ccache, if it is there and may write where it keeps its results."""
    source = folder / "empty.cpp"
    source.write_text("")
    command = ["ccache", "c++", "-c", source, "-o", folder / "empty.o"]
    works = shutil.which("ccache") and subprocess.run(command, capture_output=True).returncode == 0
    return ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if works else []


def build(source, folder, *options):
    run("cmake", "-G", "Ninja", "-S", source, "-B", folder, "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS=-O0 -g0",
        *options)
    run("cmake", "--build", folder, "--parallel", "2")


class Example(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = Path(cls.enterClassContext(temporary_folder()))
        cached = cache(folder)
        build(LIBRARY, folder / "library", *cached)
        run("cmake", "--install", folder / "library", "--prefix", folder / "prefix")
        build(LIBRARY / "examples", folder / "example", f"-DCMAKE_PREFIX_PATH={folder / 'prefix'}", *cached)
        cls.server = folder / "example" / "echo_server"

    def start(self, **environment):
        server = subprocess.Popen([self.server], stdout=subprocess.PIPE, text=True, env={**os.environ, **environment})
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        word, port = server.stdout.readline().split()
        self.assertEqual("port", word)
        return server, int(port)

    def end(self, server):
        out, _ = server.communicate(timeout=PATIENCE)
        return server.returncode, out

    def echo(self, client, text):
        client.sendall(text)
        self.assertEqual(text, client.recv(100))

    def test_an_idle_server_says_goodbye_and_ends_with_0(self):
        server, _ = self.start()
        server.send_signal(signal.SIGTERM)
        code, out = self.end(server)
        self.assertEqual(0, code, out)
        self.assertIn("goodbye: stopped for SIGTERM", out)
        for phase in ("Preparing", "Draining", "Cleaning", "Persisting", "Exiting"):
            self.assertIn(phase, out)

    def test_a_client_under_way_finishes_and_a_new_one_is_refused(self):
        server, port = self.start()
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
            self.echo(client, b"before")
            server.send_signal(signal.SIGTERM)
            self.echo(client, b"during")
        code, out = self.end(server)
        self.assertEqual(0, code, out)
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), PATIENCE)

    def test_a_client_that_stays_is_forced_and_the_exit_code_is_1(self):
        server, port = self.start()
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
            self.echo(client, b"before")
            server.send_signal(signal.SIGINT)
            self.assertEqual(b"", client.recv(100))
        code, out = self.end(server)
        self.assertEqual(1, code, out)
        self.assertIn("1 of 1 connections were forced", out)

    def test_the_service_manager_hears_ready_heartbeats_and_stopping(self):
        with temporary_folder() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            path = f"{folder}/notify"
            manager.bind(path)
            manager.settimeout(PATIENCE)
            server, _ = self.start(NOTIFY_SOCKET=path, WATCHDOG_USEC="60000")
            heard = [manager.recv(4096).decode() for _ in range(4)]
            self.assertIn("READY=1", heard)
            self.assertIn("WATCHDOG=1", heard)
            server.send_signal(signal.SIGTERM)
            while manager.recv(4096) != b"STOPPING=1":
                pass
            self.assertEqual(0, self.end(server)[0])


if __name__ == "__main__":
    unittest.main()
