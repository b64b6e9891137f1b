"""`lastcall try` on servers of which this repository has no scenario: eight right ones, most of them packages of Debian, and
four with a planted fault. A wrong one must be found by the property that is named; on a right one nothing may fail; each
within a minute. Writes reports/evidence/try.json and .md, with all that was printed. Resumable: what was tried with the
same binary and server is not tried again. Words on the command line: only these servers."""
import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import evidence
from lastcall_cli import LASTCALL, PYTHON, SOURCE, temporary_folder
from servers import long

COMMAND = "ctest --preset release -L long -R try_servers"
TRIED = SOURCE / "tests" / "servers" / "tried"
A_MINUTE = 60  # seconds
DEBIAN_PYTHON = "/usr/bin/python3"  # which has the packages of Debian
PATH = os.environ["PATH"] + ":/usr/sbin"


class Server(NamedTuple):
    what: str
    command: str     # words; {files} is where its files lie, {fixed} a port that lastcall is not told of
    needs: str       # a program, or a module of Debian's Python
    must: str = ""   # the property that must find it; empty: it is right
    names: str = ""  # what the finding must match


SERVERS = {
    # Right.
    "apache2": Server("Apache with its event MPM, from Debian; the port is fixed", "PORT={fixed} FOLDER={files} apache2 -DFOREGROUND -f "
                      "{files}/apache.conf", "apache2"),
    "gunicorn": Server("gunicorn with two workers, from Debian", "gunicorn --bind 127.0.0.1:{port} --workers 2 wsgi:app", "gunicorn"),
    "uvicorn": Server("uvicorn, from Debian", "uvicorn --port {port} asgi:app", "uvicorn"),
    "etcd": Server("etcd, from Debian; two ports", "etcd --data-dir {files}/etcd --listen-client-urls http://127.0.0.1:{port} "
                   "--advertise-client-urls http://127.0.0.1:{port} --listen-peer-urls http://127.0.0.1:{port.peer} "
                   "--initial-advertise-peer-urls http://127.0.0.1:{port.peer} --initial-cluster default=http://127.0.0.1:{port.peer}", "etcd"),
    "tinyproxy": Server("tinyproxy, from Debian; the port is fixed", "tinyproxy -d -c {files}/tinyproxy.conf", "tinyproxy"),
    "grpc": Server("a small gRPC server in Python", "/usr/bin/python3 rpc.py {port}", "grpc"),
    "http2": Server("HTTP/2 without TLS in Node", "node http2.mjs {port}", "node"),
    "orders": Server("net/http over TLS in Go, Shutdown()", "{files}/orders 127.0.0.1:{port} cert.pem key.pem shutdown", "go"),
    # Wrong.
    "drops": Server("net/http in Go, Close() in place of Shutdown()", "{files}/orders 127.0.0.1:{port} '' '' close", "go",
                    "in-flight-finished", "under-load"),
    "chat": Server("Node; its end waits for WebSockets, which nobody closes", "PORT={port} node chat.mjs", "node",
                   "deadline", "idle-websocket"),
    "metrics": Server("Python; a thread ends with a traceback at the stop, exit 0", f"{PYTHON} metrics.py {{port}}", "python3",
                      "no-panic", r"metrics\.py:\d+"),
    "wrapper": Server("a shell script that does not pass the signal on", f"sh start.sh {PYTHON} metrics.py {{port}}", "sh",
                      "released", "metrics.py"),
}


def missing(server):
    """Why it cannot be run; empty if it can."""
    if server.needs == "grpc":
        done = subprocess.run([DEBIAN_PYTHON, "-c", "import grpc"], capture_output=True)
        return "" if done.returncode == 0 else "no python3-grpcio: ci/setup installs it"
    return "" if shutil.which(server.needs, path=PATH) else f"no {server.needs}: ci/setup installs it"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def lay_out(folder):
    """What the servers need of files, in a folder that every user may read."""
    shutil.copytree(TRIED, folder, dirs_exist_ok=True, copy_function=shutil.copyfile)
    (folder / "index.html").write_text("served\n")
    with open(folder / "tinyproxy.conf", "a", encoding="utf-8") as file:
        file.write(f"Port {free_port()}\n")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days",
                    "2", "-subj", "/CN=localhost"], cwd=folder, check=True, capture_output=True)
    if shutil.which("go"):
        subprocess.run(["go", "build", "-o", "orders", "orders.go"], cwd=folder, check=True)


def words_of(server, folder):
    text = server.command.replace("{files}", str(folder)).replace("{fixed}", str(free_port()))
    return [word.strip("'") for word in text.split()]


def without_chance(text, folder):
    """What it printed, without folders of this machine."""
    text = text.replace(str(folder), "FILES").replace(PYTHON, "python3")
    return re.sub(r"/\S*/lastcall-try-\w+|/\S*/(?=results\b)", "", text).strip()


def tried(server):
    with temporary_folder() as name:
        folder = Path(name) / "files"
        lay_out(folder)
        begin = time.monotonic()
        done = subprocess.run([LASTCALL, "try", "--results", f"{name}/results", "--", *words_of(server, folder)], cwd=folder,
                              env={**os.environ, "PATH": PATH}, capture_output=True, text=True, timeout=300)
        seconds = time.monotonic() - begin
        return {"exit_code": done.returncode, "seconds": round(seconds, 1), "printed": without_chance(done.stdout, folder).splitlines(),
                "said": [line for line in done.stderr.splitlines() if not re.match(r"lastcall: \d+ trial", line)]}


def findings(result):
    """Property -> what stands below WRONG of it."""
    text = "\n".join(result["printed"])
    if "WRONG" not in text:
        return {}
    block = re.split(r"\n(?=\S)", text[text.index("WRONG"):], maxsplit=1)[0]
    return {one.split(":")[0].strip(): one for one in re.split(r"\n  (?=[a-z-]+: )", block)[1:]}


def says(server, result):
    found = findings(result)
    if server.must:
        if server.must not in found:
            return "not found"
        return "found" + ("" if re.search(server.names, found[server.must]) else ", but not where it is")
    return ("ALARM: " + ", ".join(found)) if found else "silent" if result["exit_code"] == 0 else f"exit code {result['exit_code']}"


def is_as_it_should(server, result):
    """On a busy machine something of a right one may stay unjudged: exit code 3."""
    good = says(server, result) == "found" if server.must else not findings(result) and result["exit_code"] in (0, 3)
    return good and result["seconds"] < A_MINUTE


def markdown(content):
    text = ("# `lastcall try` on servers that have no scenario here\n\nEach was told nothing but the command. Right ones must be silent, wrong ones "
            f"found, in less than {A_MINUTE} s.\n")
    for title, wrong in (("Wrong", True), ("Right", False)):
        names = [name for name, server in SERVERS.items() if bool(server.must) == wrong and name in content["servers"]]
        good = sum(is_as_it_should(SERVERS[name], content["servers"][name]) for name in names)
        rows = [(f"`{name}`", SERVERS[name].what, *([SERVERS[name].must] if wrong else []), says(SERVERS[name], content["servers"][name]),
                 content["servers"][name]["seconds"]) for name in names]
        text += (f"\n## {title}: {good} of {len(names)} as it must be\n\n"
                 + evidence.table(["server", "what it is", *(["must be found by"] if wrong else []), "`try` said", "seconds"], rows))
    if content["not_run"]:
        text += "\n## Not run\n\n" + evidence.table(["server", "because"], content["not_run"].items())
    text += "\n## What it printed\n"
    for name, result in content["servers"].items():
        text += f"\n`{name}`, exit code {result['exit_code']}:\n\n" + "".join(f"    {line}".rstrip() + "\n" for line in result["printed"])
    return text


def main():
    wanted = sys.argv[1:] or list(SERVERS)
    build = long.sha256(Path(shutil.which(LASTCALL) or LASTCALL))
    files = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(TRIED.iterdir()))).hexdigest()[:8]
    before = evidence.load("try").get("servers", {})
    content = {**evidence.header(COMMAND, build), "servers": {name: before[name] for name in SERVERS if name in before}, "not_run": {}}
    wrong = []
    for name in wanted:
        server = SERVERS[name]
        if why := missing(server):
            content["not_run"][name] = why
            continue
        key = {"build": build, "source": files + hashlib.sha256(repr(server).encode()).hexdigest()[:8]}
        result = content["servers"].get(name)
        if not result or any(result[part] != value for part, value in key.items()):
            result = content["servers"][name] = {**key, **tried(server)}
            evidence.save("try", content, markdown(content))
        print(name, says(server, result), f"{result['seconds']} s", flush=True)
        if not is_as_it_should(server, result):
            wrong.append(name)
            print(*result["printed"], *result["said"], sep="\n", flush=True)
    content["servers"] = {name: content["servers"][name] for name in SERVERS if name in content["servers"]}
    evidence.save("try", content, markdown(content))
    print("wrong:", *wrong or ["nothing"])
    return 1 if wrong or content["not_run"] else 0


if __name__ == "__main__":
    sys.exit(main())
