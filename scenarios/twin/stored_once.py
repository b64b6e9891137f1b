#!/usr/bin/env python3
"""A checker of one's own: the history comes as JSON lines, the verdict is one JSON object. Here: the server's log says
"stored ID" exactly once for each event that it acknowledged."""
import collections
import json
import sys

groups, acknowledged, stored = {}, set(), collections.Counter()
for line in sys.stdin:
    event = json.loads(line)
    if event["kind"] == "connect_invoked":
        groups[event["connection"]] = event["group"]
    elif event["kind"] == "request_ended" and event["end"] == "ok" and groups[event["connection"]] == 0:
        acknowledged.add("%06d-%06d" % (int(event["connection"].split("/")[0]), event["request"]))
    elif event["kind"] == "recovery_started":
        break
    elif event["kind"] == "target_output" and event["line"].startswith("stored "):
        stored[event["line"].split()[1]] += 1
wrong = sorted(name for name in acknowledged if stored[name] != 1)
print(json.dumps({"outcome": "fail" if wrong else "pass" if acknowledged else "not-applicable",
                  "judged": len(acknowledged),
                  "reason": f"{len(wrong)} of {len(acknowledged)} are not in the log once, first {wrong[0]}" if wrong else ""}))
