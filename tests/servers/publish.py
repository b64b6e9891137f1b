#!/usr/bin/env python3
"""`publish.py RESULTS...`: what campaigns counted, as a table in scenarios/README.md. Each RESULTS is a results
directory of `lastcall run`, or a folder of such. Exit code 1 if anything failed or was unknown; the table says so too."""
import json
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[2] / "scenarios" / "README.md"
BEGIN, END = "<!-- counts: written by tests/servers/publish.py -->", "<!-- end of counts -->"
HEAD = "| scenario | stops | judged | not applicable | switched off | failed or unknown |\n" + "|" + " --- |" * 6 + "\n"


def reports(folder):
    """The report.json of a results directory, or those of the results directories in it."""
    here = Path(folder) / "report.json"
    found = [here] if here.exists() else sorted(Path(folder).glob("*/report.json"))
    if not found:
        sys.exit(f"{folder}: no report.json in it")
    return found


def scenarios(files):
    """Name -> summary; of a scenario that was run more than once the run that began last counts."""
    found = {}
    for report in sorted((json.loads(Path(file).read_text()) for file in files), key=lambda r: r["started_utc"]):
        for summary in report["scenarios"]:
            found["/".join(Path(summary["scenario"]).with_suffix("").parts[-2:])] = summary
    return found


def row(name, summary):
    stops = sum(not trial["broken"] for trial in summary["trials"])
    judged, idle, off, bad = [], [], [], []
    for p in summary["properties"]:
        if p["switched_off"]:
            off.append(p["name"])
        elif p["pass"] + p["fail"] + p["unknown"] == 0:
            idle.append(p["name"])
        else:
            judged.append(f"{p['name']} {p['pass'] + p['fail']}")
        bad += [f"{p['name']}: {p[how]} {how}" for how in ("fail", "unknown") if p[how]]
    bad += [f"{len(summary['trials']) - stops} broken"] if stops < len(summary["trials"]) else []
    return f"| {name} | {stops} | " + " | ".join(", ".join(cell) or "–" for cell in (judged, idle, off, bad)) + " |\n", bad


def insert(text, table):
    """The table between the markers, which must be there once each."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"{README} lacks the line {BEGIN if not begin else END}")
    return f"{before}{BEGIN}\n{table}{END}{after}"


def main(folders):
    if not folders:
        sys.exit(__doc__)
    found = scenarios(file for folder in folders for file in reports(folder))
    rows = [row(name, summary) for name, summary in sorted(found.items())]
    README.write_text(insert(README.read_text(), HEAD + "".join(line for line, _ in rows)))
    for line, bad in rows:
        if bad:
            print(line, end="")
    return 1 if any(bad for _, bad in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
