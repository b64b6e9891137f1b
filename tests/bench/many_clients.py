"""2,020 TLS clients at once are all connected and all closed in order: one trial of reference/many_clients.toml.
Prints how many were connected, how long that took, and how long the stop took. Exits 1 if one is missing."""
import sys
import tomllib

from lastcall_cli import SOURCE, lastcall, temporary_folder

SCENARIO = SOURCE / "scenarios" / "reference" / "many_clients.toml"


def main():
    wanted = sum(group["count"] for group in tomllib.loads(SCENARIO.read_text())["clients"])
    with temporary_folder() as folder:
        run = lastcall("run", SCENARIO, "--trials", 1, "--keep", "all", "--results", f"{folder}/r")
        if run.code == 2:
            sys.exit(str(run))
        result = run.trials[0]["result"]
        events = run.events()
    begun = [float(e["t"]) for e in events if e["kind"] == "connect_invoked"]
    top = [float(e["t"]) for e in events if e["kind"] == "layer_up" and e["layer"] in ("websocket", "tls")]
    print(f"clients: {wanted}, connected at the stop: {result['connections']}")
    print(f"from the first connect to the last handshake: {max(top) - min(begun):.2f} s")
    print(f"the stop took {result['stop_ns'] / 1e9:.2f} s; the trial {result['duration_ns'] / 1e9:.1f} s")
    for verdict in result["verdicts"]:
        print(f"  {verdict['property']:20} {verdict['outcome']:15} {verdict['judged']:6} judged  {verdict['reason']}")
    return 0 if run.code == 0 and result["connections"] == wanted else 1


if __name__ == "__main__":
    sys.exit(main())
