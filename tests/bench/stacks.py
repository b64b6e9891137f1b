"""What the stacks of all threads of a process cost, as the tracer reads them, next to eu-stack and gdb on the same
process, and which frames gdb sees and we do not. Writes reports/evidence/stacks.json and .md.

LASTCALL names the binary; stacks_of_process and stacks_subject lie beside it, or in STACKS_TOOLS. STACKS_RUNS: how often each tool runs.
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
from lastcall_cli import LASTCALL, temporary_folder

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


def targets(folder):
    os.environ["PATH"] += ":/usr/local/go/bin"
    yield "C++, 18 threads", [str(TOOLS / "stacks_subject"), "threads"]
    yield "Rust, LLD or as configured", compiled(folder, "a.rs", RUST, ["rustc", "-O"])
    yield "Go", compiled(folder, "a.go", GO, ["go", "build"])
    yield "Node", ["node", "-e", NODE] if shutil.which("node") else None


def timed(command):
    begin = time.monotonic()
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return (time.monotonic() - begin) * 1e3, run.stdout


def frames_of_gdb(text):
    """Addresses by thread. Without the innermost, whose address gdb does not say, what it inlined, which has none, and
    what lies beyond the outermost."""
    frames = {}
    thread = None
    for line in text.splitlines():
        if found := re.match(r"Thread .*LWP (\d+)", line):
            thread = found[1]
        elif (found := re.match(r"#[1-9]\d* +0x([0-9a-f]+) in (?!\?\? \(\)$)", line)) and int(found[1], 16):
            frames.setdefault(thread, []).append(int(found[1], 16))
    return frames


def measure(pid):
    commands = {"ours": [str(TOOLS / "stacks_of_process"), str(pid), str(LOOKS)]}
    if shutil.which("eu-stack"):
        commands["eu-stack"] = ["eu-stack", "-p", str(pid)]
    if shutil.which("gdb"):
        commands["gdb"] = ["gdb", "-batch", "-ex", "set debuginfod enabled off", "-ex", "thread apply all bt", "-p", str(pid)]
    once = [str(TOOLS / "stacks_of_process"), str(pid), "1"]
    tool_ms = {name: [] for name in commands}
    inside = []
    lost = frames_of_theirs = None
    for _ in range(RUNS):  # in turn, so that what else the machine does hits all
        for name, command in commands.items():
            ms, text = timed(once if name == "ours" else command)
            tool_ms[name].append(ms)
            if name == "gdb":
                theirs = frames_of_gdb(text)
        inside.append(json.loads(timed(commands["ours"])[1].splitlines()[-1]))
        if "gdb" in commands:
            ours = inside[-1]["stacks"]
            lost = sum(len(set(frames) - set(ours.get(thread, []))) for thread, frames in theirs.items())
            frames_of_theirs = sum(map(len, theirs.values()))
    stacks = inside[-1]["stacks"]
    return {"threads": len(stacks), "frames": sum(map(len, stacks.values())),
            "cold_us": statistics.median(one["cold_us"] for one in inside),
            "warm_us": statistics.median(one["warm_us"] for one in inside),
            "tool_ms": {name: round(statistics.median(ms), 1) for name, ms in tool_ms.items()},
            "gdb_frames": frames_of_theirs, "gdb_frames_we_lack": lost}


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
                    content["targets"][name] = measure(target.pid)
                finally:
                    target.kill()
    rows = [(name, f"{one['threads']} / {one['frames']}", one["cold_us"], one["warm_us"],
             *(one["tool_ms"].get(tool, "") for tool in ("ours", "eu-stack", "gdb")),
             f"{one['gdb_frames_we_lack']} of {one['gdb_frames']}") for name, one in content["targets"].items()]
    markdown = (
        "# What stacks cost\n\n"
        "All threads of a waiting process with the names of functions: the first look of a tracer and further ones, in "
        f"microseconds, then whole tools in milliseconds. Medians of {RUNS} runs in turn. Last: frames that gdb shows, "
        "those without the innermost and inlined ones, and we do not.\n\n"
        + evidence.table(["target", "threads / frames", "first, µs", "again, µs", "ours, ms", "eu-stack, ms", "gdb, ms",
                          "lost"], rows))
    evidence.save("stacks", content, markdown)
    print(markdown)


if __name__ == "__main__":
    main()
