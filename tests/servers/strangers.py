"""Small planted servers (tests/servers/small), wrong and right, judged by the scenario of a stranger, who says only the
command, the port and the URL. Each wrong one must be found by the property that is named, with a reason that names the
culprit; on a right one nothing may fail. Writes reports/evidence/strangers.json and .md, with every reason as it is
printed. Resumable: what was run with the same binary, servers and scenario is not run again.
LASTCALL_SCALE divides the trials. LASTCALL_BEFORE=FILE adds the column of an older lastcall. Words on the command line:
only these servers."""
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import evidence
from lastcall_cli import LASTCALL, PYTHON, SOURCE, lastcall, temporary_folder
from servers import long
from servers.planted import without_folders

COMMAND = "ctest --preset release -L long -R strangers"
TRIALS = 20  # what a scenario runs that does not say how many
SMALL = SOURCE / "tests" / "servers" / "small"
NOBODY = "nobody was heard"  # no property, but said loudly, and the exit code is not 0
LANGUAGES = {".sh": "shell", ".py": "Python", ".mjs": "Node", ".go": "Go", ".cpp": "C++", ".java": "Java"}


class Server(NamedTuple):
    file: str
    kind: str       # in plain words
    must: str = ""  # the property that must find it; empty: it is right
    names: str = ""  # what the reason must match
    url: str = "http"


SHELL, PY, NODE, GO, CPP, JAVA = "start.sh", "server.py", "server.mjs", "server.go", "server.cpp", "Server.java"
SERVERS = {
    # Wrong.
    "drops_young": Server(PY, "exits at the signal, without waiting; its answers take 50 ms", "in-flight-finished", "read by the target"),
    "drops_slow": Server(PY, "exits at the signal, without waiting; its answers take 1.5 s", "in-flight-finished", "read by the target"),
    "cuts_without_length": Server(PY, "exits at the signal, in the middle of answers without a Content-Length", "in-flight-finished", "that was cut"),
    "empties_answers": Server(PY, "exits at the signal, between the head of an answer and a body of any length", "in-flight-finished", "that was cut"),
    "closes_pool_first": Server(PY, "closes its database before its drain: requests under way get 500", "in-flight-finished", "status 500"),
    "waits_for_idle": Server(PY, "its drain closes a keep-alive connection only at the next request", "deadline", "idle"),
    "waits_for_quiet": Server(PY, "its drain closes a WebSocket only at the next message", "deadline", "without a message", "ws"),
    "misses_leaver": Server(PY, "its drain waits for a client that had closed its connection before", "deadline", r"in drain \(server\.py:\d+"),
    "takes_late": Server(PY, "keeps its listener for 1 s after the stop, and answers who comes", "stops-accepting", "goes on accepting"),
    "leaks_pool": Server(PY, "answers 20 requests, then nobody; 503 to all who wait as it stops", NOBODY, "was answered for (a )?long"),
    "wrong_length": Server(PY, "promises 99 bytes, sends 2 and closes", "serves", "as its header says"),
    "error_at_once": Server(PY, "Close 1011 right after the upgrade, TCP stays open", "serves", "1011.*before any answer", "ws"),
    "cuts_websockets": Server(PY, "closes its WebSockets without a Close frame", "close-handshake", "Close frame", "ws"),
    "behind_dots": Server(GO, "a panic behind 10,000 dots of progress in the same line", "no-panic", "a bad order"),
    "swallowed": Server(GO, "an index out of range, recovered without a word", "no-masked-panic", r"boundsError.*summarise.* at server.go:\d+"),
    "thread_dies": Server(PY, "a thread ends by an exception while it stops; exit 0", "no-panic", "cannot write statistics.*server.py"),
    "fails_at_exit": Server(PY, "an exception in a function of atexit; exit 0", "no-panic", r"cannot write statistics.*server\.py"),
    "child_crashes": Server(PY, "a child ends by SIGSEGV while it stops; exit 0", "no-panic", "child process.*SIGSEGV"),
    "rejection": Server(NODE, "an unhandled rejection while it stops", "no-panic", "cannot write statistics.*server.mjs"),
    "null_at_stop": Server(CPP, "SIGSEGV while it stops", "no-panic", "SIGSEGV|write_statistics"),
    "channel_deadlock": Server(GO, "waits for a worker that waits for a channel", "deadline", r"drainQueue.*server\.go:\d+"),
    "lock_deadlock": Server(PY, "two threads, two locks, opposite order", "deadline", r"in deadlock \(server\.py:\d+.*in flush \(server\.py"),
    "monitor_deadlock": Server(JAVA, "two threads, two monitors, opposite order", "deadline", r"settle.*Server\.java:\d+"),
    "forgotten_timer": Server(NODE, "an interval keeps the event loop alive", "deadline", "(?i)timeout|timer"),
    "forgotten_thread": Server(PY, "a thread that is no daemon goes on", "deadline", r"in beat \(server\.py:\d+"),
    "two_defects": Server(PY, "Close 1011 to all, then a thread that is no daemon goes on", "close-handshake", "1011", "ws"),
    "polls": Server(PY, "looks every 100 ms whether it is told to stop; exit 0", "prompt-exit", "sleep"),
    "sleeps": Server(PY, "sleeps 1 s once everybody is gone; exit 0", "prompt-exit", "sleep"),
    "exit_code": Server(PY, "exit 3", "clean-exit", "exit 3"),
    "no_handler": Server(CPP, "waits for SIGTERM by signalfd, and does not block it", "clean-exit", "had no handler for it"),
    "no_handler_node": Server(NODE, "it has no handler; Node's own ends it", "clean-exit", "no handler of its own"),
    "starts_without_exec": Server(SHELL, "a shell starts the server, which stops in order, and waits for it", "clean-exit", "start the server with exec"),
    "leaves_child": Server(PY, "a child outlives it", "released", "sleep 97"),
    "leaves_port": Server(PY, "a child that outlives it holds the listener", "released", "is still in use"),
    "leaves_chain": Server(PY, "orphans that fork the next and exit", "released", "each forks the next|is alive"),
    "leaves_pid_file": Server(PY, "its pid file stays", "released", r"server\.pid"),
    "leaves_shared_memory": Server(PY, "its shared memory stays", "released", "shared memory planted-"),
    # Right.
    "answers_young": Server(PY, "finishes its answers, which take 50 ms"),
    "answers_slow": Server(PY, "finishes its answers, which take 1.5 s"),
    "waits_for_open": Server(PY, "closes, waits 300 ms for the open request, exits"),
    "closes_idle": Server(PY, "closes keep-alive connections in order, answers what it has read"),
    "closes_websockets": Server(PY, "Close 1001, waits for the client's", url="ws"),
    "never_echoes": Server(PY, "reads messages and owes no answer; Close 1001", url="ws"),
    "redirects": Server(PY, "answers 302 to everything"),
    "empty_close": Server(PY, "a Close frame without a code", url="ws"),
    "code_1012": Server(PY, "Close 1012, service restart", url="ws"),
    "code_4001": Server(PY, "Close 4001, which is the application's own", url="ws"),
    "raises_again": Server(PY, "stops in order, then raises SIGTERM again, by which it ends"),
    "reset_after_goodbye": Server(PY, "a reset once both Close frames were sent", url="ws"),
    "slow_interpreter": Server(PY, "150 ms of processor time at its exit"),
    "cache_in_tmpdir": Server(PY, "a file stays in TMPDIR"),
    "socket_in_tmpdir": Server(PY, "a UNIX socket in TMPDIR, which it removes; the results lie deep"),
    "removes_pid_file": Server(PY, "removes its pid file"),
    "removes_shared_memory": Server(PY, "removes its shared memory"),
    "child_says_ready": Server(PY, "a child says READY=1, unasked"),
    "logs_caught_error": Server(PY, "catches an exception, logs the traceback, and goes on"),
    "much_output": Server(PY, "prints 20 MB"),
    "brief_helpers": Server(PY, "helpers end within 50 ms after it"),
    "busy_helper": Server(PY, "a helper ends after 100 ms of processor time"),
    "right_node": Server(NODE, "close(), idle connections too"),
    "again_node": Server(NODE, "close(), idle connections too, then sends SIGTERM to itself, by which it ends"),
    "right_go": Server(GO, "Shutdown()"),
    "right_cpp": Server(CPP, "one thread, signalfd"),
    "right_java": Server(JAVA, "a thread a connection, exit 0"),
    "hooks_java": Server(JAVA, "stops in a shutdown hook, after which the JVM exits with 143"),
}
BUILT = {
    GO: lambda into: (["go", "build", "-o", f"{into}/server_go", SMALL / GO], [f"{into}/server_go"]),
    CPP: lambda into: (["g++", "-std=c++20", "-g", "-O0", "-o", f"{into}/server_cpp", SMALL / CPP], [f"{into}/server_cpp"]),
    JAVA: lambda into: (["javac", "-nowarn", "-d", into, SMALL / JAVA], ["java", "-cp", into, "Server"]),
}


def programs(files, into):
    """File -> the words that run it, and file -> why it cannot be run."""
    words, missing = {PY: [PYTHON, SMALL / PY], SHELL: ["sh", SMALL / SHELL, PYTHON], NODE: ["node", SMALL / NODE]}, {}
    for file in files & set(BUILT):
        build, words[file] = BUILT[file](into)
        if not shutil.which(build[0]):
            missing[file] = f"there is no {build[0]}"
            continue
        done = subprocess.run(list(map(str, build)), capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{file}: {done.stderr}")
    if not shutil.which("node"):
        missing[NODE] = "there is no node"
    return words, missing


def scenario(name, words):
    """As a stranger writes it."""
    command = json.dumps([*map(str, words), name, "{port}"])
    return (f'about = "a small server"\n[target]\ncommand = {command}\nready = {{ port = "{{port}}" }}\n\n'
            f'[[clients]]\nurl = "{SERVERS[name].url}://127.0.0.1:{{port}}/"\n')


def printed(report):
    """What failed, was unknown or was not heard, as the reports say it."""
    found = report["scenarios"][0]
    causes = found.get("findings")
    if causes is None:  # an older report
        causes = [{"property": p["name"], "reason": p["first_reason"], "trials": p["failing_trials"], "consequences": []}
                  for p in found["properties"] if p["fail"]]
    lines = []
    for cause in causes:
        also = ", ".join(one["property"] for one in cause["consequences"])
        lines.append(f"{cause['property']} in {len(cause['trials'])}: {cause['reason']}"
                     + (f" (also failed, as a consequence: {also})" if also else ""))
    lines += [f"{p['name']} unknown in {p['unknown']}: {p['first_reason']}" for p in found["properties"]
              if p["unknown"] and not p["fail"]]
    lines += [f"{NOBODY}: {one['group']}: {one['what']}" for one in found.get("silent", [])]
    return [without_folders(line) for line in lines]


def judged(name, words, program, trials):
    with temporary_folder() as folder:
        file = Path(folder) / "scenario.toml"
        file.write_text(scenario(name, words))
        # As deep as the folders of a build often are.
        results = f"{folder}/{'/'.join(['the-results-of-a-long-campaign'] * 3)}/r"
        run = lastcall("run", file, "--trials", trials, "--jobs", 2, "--keep", "none", "--results", results,
                       limit=long.CAMPAIGN_LIMIT, program=program)
        if run.code not in (0, 1, 3):
            sys.exit(str(run))
        properties = run.report["scenarios"][0]["properties"]
        return {"trials": trials, "exit_code": run.code, "seconds": round(run.seconds),
                "fail": {p["name"]: p["fail"] for p in properties if p["fail"]},
                "unknown": {p["name"]: p["unknown"] for p in properties if p["unknown"]}, "printed": printed(run.report)}


def says(server, result):
    """Of a wrong one whether it was found, of a right one whether nothing was."""
    if server.must:
        about = " ".join(line for line in result["printed"] if line.startswith(server.must))
        if not about:
            return "silent"
        count = result["fail"].get(server.must, result["trials"])
        culprit = "" if re.search(server.names, about) else ", culprit not named"
        return f"found in {count} of {result['trials']}{culprit}"
    alarms = ", ".join(f"{name} in {count}" for name, count in result["fail"].items())
    unknown = ", ".join(f"{name} in {count}" for name, count in result["unknown"].items())
    return ("ALARM: " + alarms if alarms else "silent") + (f" (unknown: {unknown})" if unknown else "")


def is_as_it_should(server, result):
    if server.must:
        return "found" in (said := says(server, result)) and "not named" not in said
    return not result["fail"]


def markdown(content):
    columns = [column for column in ("before", "after") if any(column in row for row in content["servers"].values())]
    text = "# Planted servers, judged by the scenario of a stranger\n\nIt says the command, the port and the URL.\n"
    if "before" in columns:
        text += "`before` is an older lastcall.\n"
    for title, wrong in (("Wrong", True), ("Right", False)):
        names = [name for name, server in SERVERS.items() if bool(server.must) == wrong and name in content["servers"]]
        rows = []
        for name in names:
            server, results = SERVERS[name], content["servers"][name]
            rows.append((f"`{name}`", LANGUAGES[Path(server.file).suffix], server.kind, *([server.must] if wrong else []),
                         *(says(server, results[column]) if column in results else "" for column in columns)))
        counts = ", ".join(
            f"{sum(is_as_it_should(SERVERS[name], content['servers'][name][column]) for name in names if column in content['servers'][name])}"
            f" of {sum(column in content['servers'][name] for name in names)} {column}" for column in columns)
        text += (f"\n## {title}\n\n{'Found, and the culprit named' if wrong else 'Silent'}: {counts}.\n\n"
                 + evidence.table(["server", "in", "what it does", *(["must be found by"] if wrong else []), *columns], rows))
    text += "\n## Reasons as they are printed\n\nWith the trials in which it failed.\n"
    for name, results in content["servers"].items():
        for column in columns:
            if lines := results.get(column, {}).get("printed"):
                text += f"\n`{name}` ({SERVERS[name].kind}), {column}:\n\n" + "".join(f"- {line}\n" for line in lines)
    rows = list(content["not_run"].items())
    return text + ("\n## Not run\n\n" + evidence.table(["server", "because"], rows) if rows else "")


def main():
    wanted = sys.argv[1:] or list(SERVERS)
    trials = max(5, TRIALS // long.SCALE)
    binaries = {"after": LASTCALL, **({"before": os.environ["LASTCALL_BEFORE"]} if "LASTCALL_BEFORE" in os.environ else {})}
    builds = {column: long.sha256(Path(shutil.which(binary) or binary)) for column, binary in binaries.items()}
    content = evidence.load("strangers")
    content = {**evidence.header(COMMAND, builds["after"]), "servers": content.get("servers", {}), "not_run": {}}
    content["servers"] = {name: content["servers"][name] for name in SERVERS if name in content["servers"]}
    wrong = []
    with temporary_folder() as folder:
        words, missing = programs({SERVERS[name].file for name in wanted}, folder)
        for name in wanted:
            server = SERVERS[name]
            if server.file in missing:
                content["not_run"][name] = missing[server.file]
                continue
            source = long.sha256(SMALL / server.file) + hashlib.sha256(
                repr((server.url, scenario(name, ["…"]))).encode()).hexdigest()[:8]
            for column, binary in binaries.items():
                results = content["servers"].setdefault(name, {})
                found = results.get(column)
                if not found or found["trials"] < trials or (found["build"], found["source"]) != (builds[column], source):
                    results[column] = {"build": builds[column], "source": source,
                                       **judged(name, words[server.file], binary, trials)}
                    evidence.save("strangers", content, markdown(content))
                print(name, column, says(server, results[column]), f"{results[column]['seconds']} s", flush=True)
            wrong += [] if is_as_it_should(server, content["servers"][name]["after"]) else [name]
    evidence.save("strangers", content, markdown(content))
    print("wrong:", *wrong or ["nothing"])
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
