"""Breaks in the way its argument names."""
import asyncio
import atexit
import concurrent.futures
import ctypes
import faulthandler
import json
import logging
import multiprocessing
import sys
import threading
import time
import traceback
import weakref
import _thread


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


def at_exit():
    atexit.register(boom)


def destroyed_task():
    loop = asyncio.new_event_loop()
    loop.create_task(wait())
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.close()


async def wait():
    await asyncio.Event().wait()


async def serve():
    try:
        await asyncio.sleep(9)
    finally:
        boom("while stopping")


async def run_shutdown():
    asyncio.create_task(serve())
    await asyncio.sleep(0.01)


async def generator():
    async def rows():
        try:
            yield 1
            yield 2
        finally:
            boom("while closing")

    generator.rows = rows()
    await generator.rows.__anext__()


async def exception_handler():
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: boom("in the handler"))
    asyncio.get_running_loop().call_soon(boom)
    await asyncio.sleep(0.01)


async def callback_in_log():
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    await callback()


async def callback_in_json():
    class Json(logging.Formatter):
        def format(self, record):
            return json.dumps({"level": record.levelname, "logger": record.name, "message": record.getMessage(),
                               "exc_info": self.formatException(record.exc_info)})

    handler = logging.StreamHandler()
    handler.setFormatter(Json())
    logging.basicConfig(handlers=[handler])
    await callback()


async def connected():
    async def answer(reader, writer):
        boom("in a connection")

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    await asyncio.open_connection(*server.sockets[0].getsockname())
    await asyncio.sleep(0.05)


async def protocol():
    class Lines(asyncio.Protocol):
        def data_received(self, data):
            boom("in a protocol")

    server = await asyncio.get_running_loop().create_server(Lines, "127.0.0.1", 0)
    _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"x")
    await asyncio.sleep(0.05)


def future_callback():
    with concurrent.futures.ThreadPoolExecutor() as executor:
        executor.submit(int).add_done_callback(boom)


def initializer():
    with concurrent.futures.ThreadPoolExecutor(initializer=boom) as executor:
        executor.submit(int)


def finalizer():
    weakref.finalize(Resource, boom)


def low_thread():
    _thread.start_new_thread(boom, ())
    time.sleep(0.1)


def thread_hook():
    threading.excepthook = lambda args: boom("in the hook")
    thread()


def logging_error():
    logging.error("%d orders", "many")


def loguru(what=boom):
    from loguru import logger

    try:
        what()
    except Exception:
        logger.exception("request failed")
    logger.info("went on")


def loguru_chained():
    loguru(chained)


KINDS = {"traceback": boom, "traceback-chained": chained, "traceback-thread": thread, "process": process,
         "task-never-retrieved": task, "future-never-retrieved": future, "asyncio-callback": callback,
         "exception-group": group, "exception-ignored": resource, "logged": logged, "logged-json": logged_json, "progress-dots": dots, "segfault": segfault,
         "fatal-error": fatal, "recursion": recursion, "http-handler": http, "atexit": at_exit,
         "destroyed-task": destroyed_task, "run-shutdown": run_shutdown, "async-generator": generator,
         "exception-handler": exception_handler, "callback-in-log": callback_in_log,
         "callback-in-json": callback_in_json, "connected": connected, "protocol": protocol,
         "future-callback": future_callback, "initializer": initializer, "finalizer": finalizer,
         "low-thread": low_thread, "thread-hook": thread_hook, "logging-error": logging_error,
         "loguru": loguru, "loguru-chained": loguru_chained}
kind = KINDS[sys.argv[1]]
if asyncio.iscoroutinefunction(kind):
    asyncio.run(kind())
else:
    kind()
