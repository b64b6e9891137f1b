"""Servers of Debian and npm below the tracer: as many stops as with `trace = false`, in turn. Not one may fail or be
unknown, and what was judged, how the stops ended and how long they took stay as they were. Writes
reports/evidence/traced.json and .md. Resumable, as the long run. LASTCALL_SCALE divides the counts."""
import statistics
import sys

import evidence
from lastcall_cli import SOURCE, lastcall, temporary_folder
from servers import long

COMMAND = "ctest --preset release -L long -R long.traced"
STOPS = 100
KINDS = ("nginx/fast", "nginx/graceful", "haproxy/fast", "haproxy/single", "caddy/graceful", "caddy/websocket", "redis/aof",
         "redis/rdb", "mosquitto/mqtt", "mosquitto/tls", "memcached/stop", "memcached/graceful", "postgres/fast", "lighttpd/fast",
         "lighttpd/graceful", "nats/stop", "ws/stop", "reference/stop")
# What has something to judge in so few of the trials may as well have nothing in as many others.
RARELY = 0.05
# What only a tracer judges.
NEW = ("no-masked-panic", "no-send-on-closed")


def campaign(scenario, trace, trials):
    source = SOURCE / "scenarios" / f"{scenario}.toml"
    line = "untraced_every = 0" if trace else "trace = false"
    with temporary_folder() as folder, long.with_target(source, line) as path:
        run = lastcall("run", path, "--trials", trials, "--jobs", 2, "--keep", "none", "--results", f"{folder}/r",
                       limit=long.CAMPAIGN_LIMIT)
        if run.code not in (0, 1, 3):
            sys.exit(str(run))
        stops = [t["result"]["stop_ns"] / 1e6 for t in run.trials]
        properties = {p["name"]: {key: p[key] for key in (*long.COUNTS, "first_reason")}
                      for p in run.report["scenarios"][0]["properties"] if not p["switched_off"]}
        return {"trials": trials, "exit_code": run.code, "stop_ms": round(statistics.median(stops), 2), "properties": properties}


def wrong(traced, untraced):
    """What tracing changed, in words."""
    found = long.bad(traced)
    for name, counts in untraced["properties"].items():
        now = traced["properties"][name]
        fewer, more = sorted((counts["judged"], now["judged"]))
        if name not in NEW and fewer == 0 and more > RARELY * traced["trials"]:
            found.append(f"{name} judged {now['judged']}, untraced {counts['judged']}")
    return found


def main():
    content = evidence.load("traced")
    if content.get("build") != evidence.build():
        content = {**evidence.header(COMMAND), "servers": {}}
    trials = max(1, STOPS // long.SCALE)
    bad = []
    for scenario in KINDS:
        sha = long.sha256(SOURCE / "scenarios" / f"{scenario}.toml")
        found = content["servers"].get(scenario)
        if not found or found["traced"]["trials"] < trials or found["scenario_sha256"] != sha:
            found = content["servers"][scenario] = {"scenario_sha256": sha, "traced": campaign(scenario, True, trials),
                                                    "untraced": campaign(scenario, False, trials)}
            evidence.save("traced", content, markdown(content))
        problems = wrong(found["traced"], found["untraced"])
        print(scenario, trials, "traced,", found["traced"]["stop_ms"], "ms a stop, untraced", found["untraced"]["stop_ms"],
              *problems, flush=True)
        bad += [scenario] if problems or found["traced"]["exit_code"] else []
    print("wrong:", *bad or ["nothing"])
    return 1 if bad else 0


def markdown(content):
    rows = []
    for scenario, found in content["servers"].items():
        new = {name: found["traced"]["properties"][name] for name in NEW if name in found["traced"]["properties"]}
        rows.append((scenario, found["traced"]["trials"], found["traced"]["stop_ms"], found["untraced"]["stop_ms"],
                     *(f"{p['pass']} ({p['judged']} items)" if p["judged"] else p["first_reason"] or "n/a"
                       for p in new.values()),
                     ", ".join(wrong(found["traced"], found["untraced"])) or "nothing"))
    return ("# Servers below the tracer\n\nThe same scenario as often with `trace = true` as without. The stop is the median "
            "from the first stop signal to the end, in ms.\n\n"
            + evidence.table(["scenario", "stops", "traced", "untraced", *NEW, "failed, unknown or changed"], rows))


if __name__ == "__main__":
    sys.exit(main())
