"""Servers that stop as they should: `http`, `asyncio`; and those that leave SIGINT to Python: the rest."""
import asyncio
import http.server
import logging
import signal
import socketserver
import sys
import threading
import time

logging.basicConfig(level=logging.DEBUG, format="%(asctime)s %(levelname)s %(name)s: %(message)s")


def serve_http():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 18083), http.server.SimpleHTTPRequestHandler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    logging.info("Traceback logging enabled, exceptions go to the log")
    server.serve_forever()
    logging.info("Terminated by SIGTERM; no exception in thread pool")


async def serve_asyncio():
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 18083)
    task = asyncio.create_task(asyncio.sleep(60), name="poll")
    logging.info("listening")
    await stopped.wait()
    logging.warning("terminating: task %s is aborted", task.get_name())
    task.cancel()
    logging.info("%r", (await asyncio.gather(task, return_exceptions=True))[0])
    server.close()
    logging.info("0 tasks with exceptions, bye")


async def task():
    async def work():
        while True:
            sum(range(10_000))
            await asyncio.sleep(0)

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 18083)
    working = asyncio.create_task(work())
    logging.info("listening")
    async with server:
        await server.serve_forever()


def sleep():
    listen()
    time.sleep(60)


def loop():
    listen()
    while True:
        try:
            raise ValueError("handled in the loop")
        except ValueError:
            time.sleep(0.1)


def threads():
    listen()
    t = threading.Thread(target=time.sleep, args=(3,))
    t.start()


async def forever():
    server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 18083)
    async with server:
        await server.serve_forever()


def listen():
    global listener
    listener = socketserver.TCPServer(("127.0.0.1", 18083), socketserver.BaseRequestHandler)
    logging.info("listening")


KINDS = {"http": serve_http, "asyncio": serve_asyncio, "sleep": sleep, "loop": loop, "threads": threads,
         "forever": forever, "task": task}
kind = KINDS[sys.argv[1]]
if asyncio.iscoroutinefunction(kind):
    asyncio.run(kind())
else:
    kind()
