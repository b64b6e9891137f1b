"""Attacks by network peers: every way of servers/hostile.py against each client of lastcall that can meet it, in a campaign
of two trials: the clients that load a target, directly and through lastcall's proxy, the one that asks whether it is ready,
and the one that probes its health. Each campaign must end in time, leave nothing, stay within its bounds, and say what the
peer did. Writes reports/evidence/attack_peers.json and .md. Resumable: what was right with the same build and sources is
not run again. LASTCALL_SCALE divides their number. Words on the command line: only attacks with such a word in their
name, and nothing is written."""
import hashlib
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import campaigns
import evidence
from lastcall_cli import PYTHON, SERVERS, scenario

COMMAND = "ctest --preset release -L long -R attack.peers"
SCALE = int(os.environ.get("LASTCALL_SCALE", "1"))
# Who meets the ways of a layer: the name of the client, and the server's port.
CLIENTS = {"tcp": {"tcp": "port", "tls": "port.tls", "ws": "port", "http": "port", "wss": "port.tls", "https": "port.tls"},
           "http": {"http": "port", "https": "port.tls"}, "ws": {"ws": "port", "wss": "port.tls"},
           "tls": {"tls": "port.tls", "wss": "port.tls", "https": "port.tls"}}
# Others that speak HTTP.
ASKERS = ("proxied", "ready", "health")
RAW = 'message = "{id}"\nack = "{id}"\n'
# What the reason must name.
NAMES = {
    "status_text": "bad status", "header_without_colon": "bad field", "length_overflowing": "bad Content-Length",
    "length_twice": "multiple Content-Length", "length_and_chunked": "bad Transfer-Encoding", "chunk_size_negative": "bad chunk",
    "chunk_of_4_gib": "body limit", "two_answers": "an answer to a request that was not made",
    "endless_header_line": "header limit", "early_hints_flood": "interim responses without end",
    "fin_in_body": "before the answer was as long as its header says", "reset_in_body": "were reset",
    "huge_frame": "message exceeded", "reserved_bit_1": "reserved bits", "invalid_utf_8": "not valid utf8",
    "close_of_126_bytes": "control frame size", "close_code_1005": "close frame reason code",
    "two_closes": "after the Close frame", "data_flood_after_close": "after the Close frame",
    "upgrade_to_nothing": "Connection field is missing", "upgrade_with_a_wrong_key": "Accept", "upgrade_is_503": "503",
    "upgrade_with_unasked_extension": "an extension that was not asked for", "reset_without_a_close_frame": "reset",
    "masked_frame": "mask", "reserved_opcode_3": "opcode", "continuation_of_nothing": "continuation",
    "plain_text": "wrong version number", "hello_of_16_mib": "excessive message size",
    "server_hello_fin_at_500": "stream truncated", "record_that_does_not_decrypt": "bad record mac",
}


def ways():
    listed = subprocess.run([PYTHON, SERVERS / "hostile.py", "--list"], capture_output=True, text=True, check=True)
    return [line.split() for line in listed.stdout.splitlines()]


def attacks():
    """Name -> layer, way and client."""
    found = {}
    for layer, name in ways():
        for client in (*CLIENTS[layer], *(ASKERS if "http" in CLIENTS[layer] else ())):
            found[f"{name} {client}"] = layer, name, client
    return found


def text_for(layer, name, client):
    scheme = "http" if client in ASKERS else client
    port = CLIENTS[layer][scheme]
    url = f"{scheme}://127.0.0.1:{{{port}}}{'/' * (scheme[0] != 't')}"
    more = (RAW * (scheme in ("tcp", "tls")) + "verify = false\n" * (scheme in ("wss", "https"))
            + "proxy = true\n" * (client == "proxied"))
    clients = f'[[clients]]\nurl = "{url}"\ncount = 3\npace = "5ms"\n{more}'
    ready = {"ready": f'url = "{url}", timeout = "2s"'}.get(client, 'log = "^ready"')
    properties = f'drains-health = {{ url = "{url}" }}' if client == "health" else ""

    def text(campaign):
        command = [PYTHON, campaign.folder / "servers" / "hostile.py", name, "{port}", "{port.tls}", "{tls.cert}", "{tls.key}"]
        return scenario(command, ready=ready, clients="" if client in ("ready", "health") else clients, properties=properties,
                        environment=f"trace = false\n{campaign.marked_environment()}", budget='trial_timeout = "30s"',
                        faults='[[faults]]\nwhat = "stop"\nwhen = { phase = "load", at = "300ms" }\n')
    return text


def wrong_with(name, client, found):
    wrong = [*found["wrong"], *campaigns.judge_codes(found, (0, 1, 3))]
    said = " ".join(found.get("printed", []))
    if found["code"] != 0 and not said:
        wrong.append("no reason was given")
    names = NAMES.get(name, "")
    if client not in ("ready", "health") and not re.search(names, said):
        wrong.append(f"the reason does not name it: {names}")
    return wrong


def sources():
    files = (Path(__file__), Path(campaigns.__file__), SERVERS / "hostile.py")
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def markdown(content):
    peers = content["peers"]
    wrong = {name: found["wrong"] for name, found in peers.items() if found["wrong"]}
    text = ("# Attacks by network peers\n\nEach in a campaign of two trials, which must end within "
            f"{campaigns.TIME_LIMIT} s, leave nothing, touch no file outside its results, take less than "
            f"{campaigns.RESULTS_LIMIT >> 20} MiB on disk and {campaigns.MEMORY_LIMIT >> 20} MiB of memory in each process, "
            f"and say what the peer did.\n\n{len(peers) - len(wrong)} of {len(peers)} were as they must be.\n")
    for name, lines in wrong.items():
        text += f"\n`{name}`:\n\n" + "".join(f"- {line}\n" for line in lines)
    rows = [(f"`{name}`", found["code"], found["seconds"], found["memory_mib"],
             "; ".join(re.sub(r"[<>|`]", "·", line) for line in found.get("printed", []))[:300])
            for name, found in peers.items()]
    return text + "\n" + evidence.table(["peer and client", "exit code", "seconds", "MiB", "what was said"], rows)


def main():
    every = attacks()
    wanted = [name for name in every if any(word in name.split() for word in sys.argv[1:])] \
        or random.Random(SCALE).sample(list(every), len(every) // SCALE)
    content = {**evidence.header(COMMAND), "sources": sources()}
    before = evidence.load("attack_peers")
    same = all(before.get(key) == content[key] for key in ("build", "sources"))
    done = before.get("peers", {}) if same else {}
    content["peers"] = {name: done[name] for name in every if name in done}
    for attack in wanted:
        if done.get(attack, {}).get("wrong") != [] or sys.argv[1:]:
            layer, name, client = every[attack]
            found = campaigns.attacked(text_for(layer, name, client))
            found["wrong"] = wrong_with(name, client, found)
            content["peers"][attack] = found
            if not sys.argv[1:]:
                evidence.save("attack_peers", content, markdown(content))
        found = content["peers"][attack]
        print(attack, found["code"], f"{found['seconds']} s", *found.get("printed", [])[:1],
              *(f"\n  WRONG: {line}" for line in found["wrong"]), flush=True)
    wrong = [name for name in wanted if content["peers"][name]["wrong"]]
    print("wrong:", *wrong or ["nothing"])
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
