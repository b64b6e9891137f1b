"""What tracing costs a server: requests a second of the reference server and of nginx, as lastcall runs them untraced, with
its default tracing, with every call that sends armed from the start, and under strace with the same calls. The requests
come from wrk. Writes reports/evidence/tracing.json and .md.
LASTCALL_ROUNDS, LASTCALL_SECONDS: how often, and how many whole seconds wrk asks each time."""
import contextlib
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import evidence
from bench.measured import median, port
from lastcall_cli import LASTCALL, temporary_folder

COMMAND = "ctest --preset release -L bench -R tracing"
# Many short rounds: what a few per cent are is lost in what machines do within ten seconds.
ROUNDS = int(os.environ.get("LASTCALL_ROUNDS", "40"))
SECONDS = int(os.environ.get("LASTCALL_SECONDS", "1"))
# What lastcall's filter holds by default: calls that close and send.
CALLS = ("close,close_range,dup2,dup3,shutdown,write,writev,pwrite64,pwritev,pwritev2,sendfile,splice,sendto,sendmsg,"
         "sendmmsg")
STRACE = ["strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", f"trace={CALLS}"]
# A fault that waits for a call which never comes so often: the filters are awake from the start.
ARMED = """
[[faults]]
what = "kill"
when = { syscall = "rename", nth = 1000000 }
"""
MODES = {"untraced": ("false", [], ""), "default": ("true", [], ""), "armed": ("true", [], ARMED),
         "strace": ("false", STRACE, "")}
NGINX = """
[target.files]
"nginx.conf" = '''
daemon off;
pid nginx.pid;
worker_processes 1;
events { worker_connections 512; }
http {
  access_log off;
  keepalive_requests 1000000000;
  server { listen 127.0.0.1:%s; location = /health { return 200 "serving"; } }
}
'''
"""
SERVERS = {"reference_server": (["reference_server", "--port", "%s", "--state", "{dir}/state"], ""),
           "nginx": (["nginx", "-p", "{dir}", "-c", "{dir}/nginx.conf", "-e", "stderr"], NGINX)}


def scenario(server, mode, number):
    command, files = SERVERS[server]
    trace, before, faults = MODES[mode]
    words = ", ".join(f'"{word}"' for word in [*before, *command]).replace("%s", str(number))
    return f"""
about = "a server that is asked for a while"
crowd = "none"
[target]
command = [{words}]
trace = {trace}
ready = {{ url = "http://127.0.0.1:{number}/health" }}
stop = {{ signal = "SIGTERM", to = "tree", deadline = "5s" }}
{files.replace("%s", str(number))}
[[clients]]
url = "http://127.0.0.1:{number}/health"
pace = "1s"
[[faults]]
what = "stop"
when = {{ phase = "load", at = "1h" }}
{faults}
[budget]
load = "2h"
"""


@contextlib.contextmanager
def running(server, mode):
    """A server that lastcall runs, by the address that wrk asks."""
    number = port()
    with temporary_folder() as folder:
        path = Path(folder) / "asked.toml"
        path.write_text(scenario(server, mode, number))
        run = subprocess.Popen([LASTCALL, "run", path, "--trials", "1", "--keep", "none", "--results", f"{folder}/r"],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            address = f"http://127.0.0.1:{number}/health"
            until_it_answers(address, run)
            yield address
            assert run.poll() is None, run.communicate()[0]
        finally:
            while run.poll() is None:  # the second ends the trial
                run.send_signal(signal.SIGINT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    run.wait(0.2)
            run.stdout.close()


def requests_a_second(address):
    asked = subprocess.run(["wrk", "-t", "1", "-c", "32", "-d", f"{SECONDS}s", address], capture_output=True, text=True,
                           check=True).stdout
    return float(re.search(r"Requests/sec: +([\d.]+)", asked)[1])


def until_it_answers(url, run):
    while run.poll() is None:
        try:
            return urllib.request.urlopen(url, timeout=5).read()
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.01)
    raise AssertionError(run.communicate()[0])


def main():
    content = {**evidence.header(COMMAND), "seconds": SECONDS, "servers": {}}
    rows = []
    for server in SERVERS:
        rounds = []
        with contextlib.ExitStack() as held:
            addresses = {mode: held.enter_context(running(server, mode)) for mode in MODES}
            for number in range(ROUNDS):  # in turn, so that what else the machine does hits all of them
                order = list(MODES) if number % 2 == 0 else list(MODES)[::-1]
                found = {mode: requests_a_second(addresses[mode]) for mode in order}
                found["shares"] = {mode: found[mode] / found["untraced"] for mode in MODES}
                rounds.append(found)
        share = {mode: median([found["shares"][mode] for found in rounds], 3) for mode in MODES}
        content["servers"][server] = {"rounds": rounds, "median_share": share}
        rows.append((server, *(f"{median([found[mode] for found in rounds], 0):.0f} ({share[mode]})" for mode in MODES)))
    markdown = (
        "# What tracing costs a server\n\n"
        f"Requests a second that wrk gets answered on 32 connections in {SECONDS} s, median of {ROUNDS} rounds in which "
        "the four take turns; in brackets the median share of the untraced one of the same round. *default*: filters that "
        "sleep until the stop. *armed*: every call that sends or closes stops the thread, looks up its descriptor "
        "and goes on. *strace*: `" + " ".join(STRACE[:4]) + "` with the same calls, written to /dev/null.\n\n"
        + evidence.table(["server", *MODES], rows))
    evidence.save("tracing", content, markdown)
    print(markdown)


if __name__ == "__main__":
    main()
