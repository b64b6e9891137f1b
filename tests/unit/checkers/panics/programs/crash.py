"""Breaks in the way its argument names."""
import asyncio
import ctypes
import faulthandler
import json
import logging
import multiprocessing
import sys
import threading
import time
import traceback


def boom(what="boom"):
    raise ValueError(what)


def chained():
    try:
        {}["port"]
    except KeyError as error:
        raise RuntimeError("no settings") from error


def thread():
    t = threading.Thread(target=boom)
    t.start()
    t.join()


async def task():
    asyncio.create_task(broken())
    await asyncio.sleep(0.01)


async def broken():
    boom("in a task")


async def future():
    asyncio.get_running_loop().create_future().set_exception(OSError("in a future"))


async def callback():
    asyncio.get_running_loop().call_soon(boom)
    await asyncio.sleep(0.01)


async def group():
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(broken())
        tasks.create_task(broken())


class Resource:
    def __del__(self):
        boom("while being collected")


def resource():
    Resource()


def process():
    p = multiprocessing.get_context("fork").Process(target=boom)
    p.start()
    p.join()


def logged():
    logging.basicConfig()
    try:
        boom()
    except ValueError:
        logging.exception("request failed")


def logged_json():
    try:
        boom()
    except ValueError:
        stack = traceback.format_exc()
        print(json.dumps({"level": "error", "request": "x" * 9000, "stack": stack}), file=sys.stderr)


def dots():
    sys.stderr.write("." * 9000)
    boom()


def segfault():
    faulthandler.enable()
    ctypes.string_at(8)


def fatal():
    faulthandler.enable()
    ctypes.pythonapi.Py_FatalError(b"the interpreter is broken")


def recursion():
    recursion()


def http():
    from http.client import HTTPConnection
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            boom("in a handler")

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        c = HTTPConnection(*server.server_address)
        c.request("GET", "/")
        c.getresponse()
    except OSError:
        time.sleep(0.1)
    server.shutdown()


KINDS = {"traceback": boom, "traceback-chained": chained, "traceback-thread": thread, "process": process,
         "task-never-retrieved": task, "future-never-retrieved": future, "asyncio-callback": callback,
         "exception-group": group, "exception-ignored": resource, "logged": logged, "logged-json": logged_json, "progress-dots": dots, "segfault": segfault,
         "fatal-error": fatal, "recursion": recursion, "http-handler": http}
kind = KINDS[sys.argv[1]]
if asyncio.iscoroutinefunction(kind):
    asyncio.run(kind())
else:
    kind()
