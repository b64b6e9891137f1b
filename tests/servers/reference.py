"""The long run of the reference server: hundreds of trials of each of its scenarios, the same with the server built with
sanitizers, and many kills. Writes reports/evidence/reference.json and .md, and the table of scenarios/README.md.
Resumable, as the long run of the other servers.
LASTCALL_SCALE divides the counts. LASTCALL_BUILDS: the folder with the builds asan and tsan of reference_server."""
import contextlib
import os
import shutil
import sys
from pathlib import Path

import evidence
import lastcall_cli
from lastcall_cli import KEPT, LASTCALL, SOURCE, temporary_folder
from servers import long
from servers.servers_test import CROWDS, REFERENCE

COMMAND = "ctest --preset release -L long -R long.reference"
SANITIZED = 50   # trials with each sanitizer
KILLS = 500
KILLED = ("reference/kill_and_restart", "reference/kill_during_checkpoint")
BUILDS = Path(os.environ.get("LASTCALL_BUILDS", SOURCE / "build"))
SANITIZERS = {"asan": "address and undefined behaviour", "tsan": "threads"}


def run(content, part, scenario, trials):
    """A campaign of the part, unless the evidence holds it."""
    path = SOURCE / "scenarios" / f"{scenario}.toml"
    found = content[part].get(scenario)
    if not found or found["trials"] < trials or found["scenario_sha256"] != long.sha256(path):
        # Most of a trial is waiting, but of a crowd, and less with the thread sanitizer.
        jobs = 1 if scenario in CROWDS else 2 if part == "tsan" else 4
        # LeakSanitizer is itself a tracer.
        with long.untraced(path) if part in SANITIZERS else contextlib.nullcontext(path) as what:
            found = content[part][scenario] = {"scenario_sha256": long.sha256(path),
                                               **long.campaign(what, trials, jobs, KEPT / part / scenario)}
        evidence.save("reference", content, markdown(content))
    print(part, scenario, found["trials"], "trials, exit code", found["exit_code"], *long.bad(found), flush=True)
    return [] if found["exit_code"] == 0 and not long.bad(found) else [f"{part} {scenario}"]


def markdown(content):
    text = long.markdown({"campaigns": content["campaigns"]}).replace("# The long run", "# The reference server", 1)
    for part, about in SANITIZERS.items():
        rows = [(scenario, found["trials"], found["exit_code"], ", ".join(long.bad(found)) or "nothing", found["seconds"])
                for scenario, found in content[part].items()]
        text += f"\n## Built with the sanitizer of {about}\n\n" + evidence.table(
            ["scenario", "trials", "exit code", "failed or unknown", "seconds"], rows)
    rows = [(scenario, found["trials"], *(found["properties"][name]["judged"] for name in
                                         ("acked-durable", "recovers", "checkpoint-intact")),
             ", ".join(long.bad(found)) or "nothing") for scenario, found in content["kills"].items()]
    return text + "\n## Killed, started again and asked\n\n" + evidence.table(
        ["scenario", "kills", "acknowledged events asked for", "restarts", "checkpoints read back", "failed or unknown"], rows)


def with_server(build, then):
    """lastcall beside that build of the server, which it finds there first."""
    server = BUILDS / build / "bin" / "reference_server"
    if not server.exists():
        sys.exit(f"{server} is missing: cmake --preset {build} && ninja -C build/{build} reference_server")
    with temporary_folder() as folder:
        for program in (Path(shutil.which(LASTCALL) or LASTCALL).resolve(), server):
            shutil.copy(program, Path(folder) / program.name)
        own, lastcall_cli.LASTCALL = lastcall_cli.LASTCALL, f"{folder}/lastcall"
        wrong = then()
        lastcall_cli.LASTCALL = own
    return wrong


def main():
    content = evidence.load("reference")
    if content.get("build") != evidence.build():
        content = {**evidence.header(COMMAND), "campaigns": {}, "asan": {}, "tsan": {}, "kills": {}}
    wrong = []
    few = [scenario for scenario in REFERENCE if scenario not in CROWDS]
    for scenario in few:
        wrong += run(content, "campaigns", scenario, max(1, long.KEEP // long.SCALE))
    for scenario in KILLED:
        wrong += run(content, "kills", scenario, max(1, KILLS // long.SCALE))
    for build in SANITIZERS:
        wrong += with_server(build, lambda build=build: [
            name for scenario in few for name in run(content, build, scenario, max(1, SANITIZED // long.SCALE))])
    for scenario in CROWDS:
        wrong += run(content, "campaigns", scenario, max(1, long.KEEP // long.SCALE))
    long.publish()
    print("wrong:", *wrong or ["nothing"])
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
