#!/usr/bin/env python3
"""A small event store that keeps every promise about its stop, or breaks exactly one: --defect NAME. The right twin
of all those defects is --defect none. defects.toml lists them.

POST /events stores the body and answers 201 once it is on disk; GET /events lists them; GET /slow takes 100 ms;
GET /config tells the log level; GET /health is 503 from the stop on. State lives in --state: events.log, and at the
stop checkpoint.json. SIGTERM or SIGINT: health 503 and new work refused for 120 ms, listener closed, requests
finished, checkpoint written, exit 0. A second signal changes nothing."""
import argparse
import asyncio
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

LAME_DUCK = 0.12  # so that whoever balances load can see the 503 before the listener goes
DEFECTS = ("none", "takes-on", "health-stays", "early-ready", "no-stopping", "beat-stops", "second-crashes", "loses",
           "twice", "no-restart", "torn", "last-line-lost", "polls", "level-ignored", "fat", "miscounts", "lies",
           "traceback", "drops", "orphan")


def notify(text):
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.sendto(text.encode(), "\0" + address[1:] if address[0] == "@" else address)


def write_durably(path, text):
    fresh = path.with_suffix(".new")
    with open(fresh, "w") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    fresh.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


class Twin:
    def __init__(self, options):
        self.options = options
        self.defect = options.defect
        self.state = Path(options.state)
        self.state.mkdir(exist_ok=True)
        self.stopping = asyncio.Event()
        self.signals = 0
        self.busy = 0
        self.slow = 0
        self.idle = asyncio.Event()
        self.connections = {}  # task -> writer
        journal = self.state / "events.log"
        self.events = journal.read_text().splitlines() if journal.exists() else []
        self.journal = open(journal, "a")
        self.ballast = bytearray(b"x") * (200 << 20) if self.defect == "fat" else b""

    def log(self, line, level="info"):
        if level == "info" or self.options.level == "debug":
            print(line, flush=True)

    # --- requests ---

    def store(self, event):
        if self.defect == "loses" and len(self.events) % 5 == 4:
            self.events.append(event)  # in memory only
            return
        self.events.append(event)
        self.journal.write(event + "\n")
        if self.defect == "twice" and len(self.events) % 5 == 4:
            self.journal.write(event + "\n")
        self.journal.flush()
        os.fsync(self.journal.fileno())

    async def answer(self, method, path, body):
        draining = self.stopping.is_set()
        if path == "/health":
            return (503, "stopping") if draining and self.defect != "health-stays" else (200, "serving")
        if draining and self.defect != "takes-on":
            return 503, "stopping"
        if path == "/config":
            return 200, f"level={'warning' if self.defect == 'level-ignored' else self.options.level}"
        if path == "/slow":
            self.slow += 1
            if self.defect == "lies" and self.slow % 3 == 1:  # from the first, or an early stop comes before it
                return 500, "no"
            # drops: one in four is so slow that the stop comes before its answer on a busy machine, too.
            await asyncio.sleep(1 if self.defect == "drops" and self.slow % 4 == 0 else 0.1)
            return 200, "slow"
        if path == "/events" and method == "POST":
            self.store(body)
            self.log(f"stored {body}")
            if self.defect == "miscounts" and len(self.events) % 5 == 4:
                self.log(f"stored {body}")
            return 201, body
        if path == "/events":
            return 200, "\n".join(self.events)
        return 404, "no such thing"

    async def request(self, reader):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ", 2)
        fields = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
        return method, path, (await reader.readexactly(int(fields.get("content-length", 0)))).decode()

    async def serve(self, reader, writer):
        task = asyncio.current_task()
        self.connections[task] = writer
        try:
            while True:
                method, path, body = await self.request(reader)
                self.busy += 1
                try:
                    status, text = await self.answer(method, path, body)
                    if self.defect == "drops" and self.stopping.is_set() and path == "/slow":
                        return
                    close = self.stopping.is_set()
                    writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: {len(text)}\r\n"
                                 f"{'connection: close' if close else 'x-twin: 1'}\r\n\r\n{text}".encode())
                    await writer.drain()
                    if close:
                        return
                finally:
                    self.busy -= 1
                    if self.busy == 0:
                        self.idle.set()
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):
            pass
        finally:
            del self.connections[task]
            writer.close()

    # --- the stop ---

    def signalled(self):
        self.signals += 1
        if self.signals > 1 and self.defect == "second-crashes":
            os.abort()
        self.stopping.set()

    async def beat(self):
        interval = int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6 / 4
        while interval and not (self.defect == "beat-stops" and self.stopping.is_set()):
            notify("WATCHDOG=1")
            await asyncio.sleep(interval)

    async def finish_requests(self):
        while self.busy:
            self.idle.clear()
            await self.idle.wait()
        for _ in range(5):  # a connection accepted last takes some rounds of the loop to become a task
            await asyncio.sleep(0)
            for writer in list(self.connections.values()):
                writer.close()
            await asyncio.gather(*self.connections)
        if self.defect == "polls":
            await asyncio.sleep(0.4 - time.monotonic() % 0.2)  # the rest of the round

    def checkpoint(self):
        text = json.dumps({"count": len(self.events), "last": self.events[-1:]})
        if self.defect == "torn":
            (self.state / "checkpoint.json").write_text(text[:-3])
        else:
            write_durably(self.state / "checkpoint.json", text)

    async def run(self):
        marker = self.state / "running"
        if self.defect == "no-restart" and marker.exists():
            sys.exit("it ran before, and will not again")
        marker.touch()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.signalled)
        if self.defect == "early-ready":
            notify("READY=1")
            await asyncio.sleep(0.05)
        server = await asyncio.start_server(self.serve, "127.0.0.1", self.options.port, backlog=512)
        if self.defect != "early-ready":
            notify("READY=1")
        self.log("listening")
        self.log("debug is on", "debug")
        beating = asyncio.create_task(self.beat())
        await self.stopping.wait()
        if self.defect != "no-stopping":
            notify("STOPPING=1")
        if self.defect == "traceback":
            try:
                self.events[-1]["id"]
            except (TypeError, IndexError):
                import traceback
                traceback.print_exc()
        if self.defect == "orphan":
            os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "30")
        # beat-stops: without a heartbeat a long stop is a dead server to whoever listens for it. takes-on: so late that
        # no busy machine is the reason.
        await asyncio.sleep(LAME_DUCK + (1 if self.defect in ("beat-stops", "takes-on") else 0))
        server.close()
        await self.finish_requests()
        self.checkpoint()
        beating.cancel()
        if self.defect != "last-line-lost":
            self.log(f"stopped with {len(self.events)} events")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--state", required=True, help="folder for what must survive")
    parser.add_argument("--level", choices=("debug", "info"), default="info", help="log level")
    parser.add_argument("--defect", choices=DEFECTS, default="none")
    asyncio.run(Twin(parser.parse_args()).run())


if __name__ == "__main__":
    main()
