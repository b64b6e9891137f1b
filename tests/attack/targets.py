"""Attacks by targets: every way of servers/abuser.py in a campaign of two trials, of which one is traced. Each must end in
time, leave nothing, touch nothing outside its results, stay within its bounds, and have the verdict that is stated for it.
Writes reports/evidence/attack_targets.json and .md. Resumable: what was right with the same build and sources is not run
again. LASTCALL_SCALE divides the number of ways. Words on the command line: only these, and nothing is written."""
import hashlib
import os
import re
import sys
from pathlib import Path

import campaigns
import evidence
from integration.servers import abuser
from lastcall_cli import PYTHON, SERVERS, scenario

COMMAND = "ctest --preset release -L long -R attack.targets"
SCALE = int(os.environ.get("LASTCALL_SCALE", "1"))
DEEP = "_deep"  # its results lie there
GO = '[[faults]]\nwhat = "stop"\nwhen = { notification = "STATUS=go" }\n'


def text_for(name):
    notifies = abuser.WAYS[name].kind == "notification"
    ready = "notify = true" if notifies else 'log = "^ready"'

    def text(campaign):
        environment = f"untraced_every = 2\n{campaign.marked_environment()}\n[target.service]\nmax_extension = 2\n"
        command = [PYTHON, campaign.folder / "servers" / "abuser.py", name, "{port}", campaign.results]
        return scenario(command, ready=f'{ready}, timeout = "2s"', clients="", faults=GO,
                        environment=environment, budget='load = "6s"\ntrial_timeout = "30s"')
    return text


def codes_of(way):
    return way.codes or ((1,) if way.must else (0,))


def wrong_with(way, found):
    """What is not as it is stated for this way."""
    wrong = [*found["wrong"], *campaigns.judge_codes(found, codes_of(way))]
    must = set(filter(None, way.must.split("|")))
    failed = set(found.get("failed", []))
    if strange := failed - must - set(way.may):
        wrong.append(f"failed, too: {', '.join(sorted(strange))}")
    if must and not failed & must and codes_of(way) == (1,):
        wrong.append(f"{way.must} did not fail")
    return wrong


def sources():
    files = (Path(__file__), Path(campaigns.__file__), SERVERS / "abuser.py")
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def markdown(content):
    text = ("# Attacks by targets\n\nEach in a campaign of two trials, of which one is traced. It must end within "
            f"{campaigns.TIME_LIMIT} s, leave no process, mount, cgroup or temporary file, touch no file outside its results, "
            f"take less than {campaigns.RESULTS_LIMIT >> 20} MiB on disk and {campaigns.MEMORY_LIMIT >> 20} MiB of memory in "
            "each process (the target's included), write reports that can be read, and have the verdict that is stated.\n\n")
    targets = content["targets"]
    wrong = {name: found["wrong"] for name, found in targets.items() if found["wrong"]}
    text += f"{len(targets) - len(wrong)} of {len(targets)} were as they must be.\n"
    for name, lines in wrong.items():
        text += f"\n`{name}`:\n\n" + "".join(f"- {line}\n" for line in lines)
    for kind in dict.fromkeys(way.kind for way in abuser.WAYS.values()):
        rows = [(f"`{name}`", found["code"], ", ".join(found.get("failed", [])), found.get("broken", ""), found["seconds"],
                 found["memory_mib"]) for name, found in targets.items() if abuser.WAYS[name.removesuffix(DEEP)].kind == kind]
        text += f"\n## Of {kind}\n\n" + evidence.table(["target", "exit code", "failed", "broken", "seconds", "MiB"], rows)
    text += "\n## What was printed\n"
    for name, found in targets.items():
        if found.get("printed"):
            text += f"\n`{name}`:\n\n" + "".join(f"- {re.sub(r'[<>|`]', '·', line)}\n" for line in found["printed"])
    return text


def main():
    every = {attack: attack.removesuffix(DEEP) for name, way in abuser.WAYS.items()
             for attack in ((name, name + DEEP) if way.kind == "file" else (name,))}
    wanted = sys.argv[1:] or list(every)[::SCALE]
    content = {**evidence.header(COMMAND), "sources": sources()}
    before = evidence.load("attack_targets")
    same = all(before.get(key) == content[key] for key in ("build", "sources"))
    done = before.get("targets", {}) if same else {}
    content["targets"] = {name: done[name] for name in every if name in done}
    for name in wanted:
        if done.get(name, {}).get("wrong") != [] or sys.argv[1:]:
            found = campaigns.attacked(text_for(every[name]), deep=name.endswith(DEEP))
            found["wrong"] = wrong_with(abuser.WAYS[every[name]], found)
            content["targets"][name] = found
            if not sys.argv[1:]:
                evidence.save("attack_targets", content, markdown(content))
        found = content["targets"][name]
        print(name, found["code"], *found.get("failed", []), f"{found['seconds']} s",
              *(f"\n  WRONG: {line}" for line in found["wrong"]), flush=True)
    wrong = [name for name in wanted if content["targets"][name]["wrong"]]
    print("wrong:", *wrong or ["nothing"])
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
