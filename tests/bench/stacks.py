"""What the stacks of all threads of a process cost, as the tracer reads them, next to eu-stack and gdb on the same
process, and which frames gdb sees and we do not. Writes reports/evidence/stacks.json and .md.

LASTCALL names the binary; stacks_of_process and stacks_subject lie next to it, or in STACKS_TOOLS. STACKS_RUNS: how
often each tool runs.
A target whose compiler, and a tool that, is not there is left out."""
import json
import os
import re
import shutil
import statistics
import subprocess
import time
from pathlib import Path

import evidence
from lastcall_cli import LASTCALL, SOURCE, temporary_folder

RUNS = int(os.environ.get("STACKS_RUNS", "9"))
LOOKS = 200
COMMAND = "ctest --preset release -L bench -R stacks"
TOOLS = Path(os.environ.get("STACKS_TOOLS") or Path(shutil.which(LASTCALL) or LASTCALL).resolve().parent)

RUST = r"""
fn main() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    println!("ready");
    for _ in 0..8 {
        let other = listener.try_clone().unwrap();
        std::thread::spawn(move || for stream in other.incoming() { drop(stream) });
    }
    for stream in listener.incoming() { drop(stream) }
}
"""
GO = r"""
package main
import ("fmt"; "net"; "net/http")
func main() {
	listener, _ := net.Listen("tcp", "127.0.0.1:0")
	fmt.Println("ready")
	http.Serve(listener, nil)
}
"""
NODE = "require('http').createServer(() => {}).listen(0, '127.0.0.1', () => console.log('ready'))"


def compiled(folder, name, text, command):
    """The program as a command line; None without its compiler."""
    if shutil.which(command[0]) is None:
        return None
    source = Path(folder) / name
    source.write_text(text)
    program = Path(folder) / (name + ".program")
    made = subprocess.run([*command, "-o", program, source], capture_output=True)
    return [str(program)] if made.returncode == 0 else None


def linked_with_lld(folder):
    """As rustc brings an LLD of its own, that one if there is no other."""
    source = (SOURCE / "tests/unit/tracer/stacks_subject.cpp").read_text()
    rust = subprocess.run(["rustc", "--print", "sysroot"], capture_output=True, text=True) if shutil.which("rustc") else None
    places = [[], [f"-B{rust.stdout.strip()}/lib/rustlib/x86_64-unknown-linux-gnu/bin/gcc-ld"] if rust else []]
    for place in places:
        if made := compiled(folder, "a.cpp", source, ["g++", "-std=c++20", "-O2", "-g", "-fomit-frame-pointer", "-pthread",
                                                      *place, "-fuse-ld=lld"]):
            return [*made, "threads"]
    return None


def targets(folder):
    os.environ["PATH"] += ":/usr/local/go/bin"
    yield "C++, 18 threads", [str(TOOLS / "stacks_subject"), "threads"]
    yield "the same linked with LLD", linked_with_lld(folder)
    yield "Rust", compiled(folder, "a.rs", RUST, ["rustc", "-O"])
    yield "Go", compiled(folder, "a.go", GO, ["go", "build"])
    yield "Node", ["node", "-e", NODE] if shutil.which("node") else None


def timed(command):
    begin = time.monotonic()
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return (time.monotonic() - begin) * 1e3, run.stdout


# Frames that gdb works out from debug information, of inlined and tail-called functions, lie on no stack.
GDB_FRAMES = r"""
import gdb
for thread in gdb.selected_inferior().threads():
    thread.switch()
    frame = gdb.newest_frame()
    while frame is not None:
        if frame.type() in (gdb.NORMAL_FRAME, gdb.SIGTRAMP_FRAME) and frame.name():
            print("frame", thread.ptid[1], frame.pc(), frame.name())
        frame = frame.older()
"""


def frames_of_gdb(pid, folder):
    """(thread, address, function) of frames with a name, but for the innermost, which a stop may move."""
    script = Path(folder) / "frames.py"
    script.write_text(GDB_FRAMES)
    text = timed(["gdb", "-batch", "-ex", "set debuginfod enabled off", "-ex", "set backtrace past-main on", "-ex",
                  "set backtrace past-entry on", "-p", str(pid), "-x", str(script)])[1]
    seen = set()
    for line in text.splitlines():
        if found := re.fullmatch(r"frame (\d+) (\d+) (.*)", line):
            if found[1] in seen:
                yield found[1], int(found[2]), found[3]
            seen.add(found[1])


def measure(pid, folder):
    commands = {"ours": [str(TOOLS / "stacks_of_process"), str(pid), str(LOOKS)]}
    if shutil.which("eu-stack"):
        commands["eu-stack"] = ["eu-stack", "-p", str(pid)]
    if shutil.which("gdb"):
        commands["gdb"] = ["gdb", "-batch", "-ex", "set debuginfod enabled off", "-ex", "thread apply all bt", "-p", str(pid)]
    once = [str(TOOLS / "stacks_of_process"), str(pid), "1"]
    tool_ms = {name: [] for name in commands}
    inside = []
    for _ in range(RUNS):  # in turn, so that what else the machine does hits all
        for name, command in commands.items():
            ms, _ = timed(once if name == "ours" else command)
            tool_ms[name].append(ms)
        inside.append(json.loads(timed(commands["ours"])[1].splitlines()[-1]))
    stacks = inside[-1]["stacks"]
    theirs = list(frames_of_gdb(pid, folder)) if "gdb" in commands else []
    lost = [name for thread, address, name in theirs if address not in stacks.get(thread, [])]
    return {"threads": len(stacks), "frames": sum(map(len, stacks.values())),
            "cold_us": statistics.median(one["cold_us"] for one in inside),
            "warm_us": statistics.median(one["warm_us"] for one in inside),
            "tool_ms": {name: round(statistics.median(ms), 1) for name, ms in tool_ms.items()},
            "gdb_frames": len(theirs), "gdb_frames_we_lack": lost}


def main():
    content = evidence.header(COMMAND)
    content["targets"] = {}
    with temporary_folder() as folder:
        for name, command in targets(folder):
            if command is None:
                continue
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as target:
                try:
                    assert target.stdout.readline() == "ready\n"
                    content["targets"][name] = measure(target.pid, folder)
                finally:
                    target.kill()
    rows = [(name, f"{one['threads']} / {one['frames']}", one["cold_us"], one["warm_us"],
             *(one["tool_ms"].get(tool, "") for tool in ("ours", "eu-stack", "gdb")),
             f"{len(one['gdb_frames_we_lack'])} of {one['gdb_frames']}") for name, one in content["targets"].items()]
    markdown = (
        "# What stacks cost\n\n"
        "All threads of a waiting process with the names of functions: the first look of a tracer and further ones, in "
        f"microseconds, then whole tools in milliseconds. Medians of {RUNS} runs in turn. Last: frames that gdb finds "
        "on the stacks beyond the innermost, and we do not.\n\n"
        + evidence.table(["target", "threads / frames", "first, µs", "again, µs", "ours, ms", "eu-stack, ms", "gdb, ms",
                          "lost"], rows))
    evidence.save("stacks", content, markdown)
    print(markdown)


if __name__ == "__main__":
    main()
