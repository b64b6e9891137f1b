"""A server of lines, as Redis and its like: AUTH, ECHO and QUIT, plain or over TLS with the clients' certificates asked
for. SIGTERM closes everybody in order and exits 0."""
import argparse
import asyncio
import signal
import ssl

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--cert")
parser.add_argument("--key")
parser.add_argument("--ca", help="clients must show a certificate that this one vouches for")
options = parser.parse_args()
writers = set()


async def serve(reader, writer):
    writers.add(writer)
    session = writer.get_extra_info("ssl_object")
    if session is not None and options.ca:
        print("shown", session.getpeercert()["subject"], flush=True)
    try:
        async for line in reader:
            word, _, rest = line.decode("latin-1").strip().partition(" ")
            if word == "ECHO":
                writer.write(f"${len(rest)}\r\n{rest}\r\n".encode("latin-1"))
            elif word in ("AUTH", "QUIT"):
                writer.write(b"+OK\r\n")
            else:
                writer.write(b"-ERR\r\n")
            await writer.drain()
            if word == "QUIT":
                break
    except (OSError, ValueError):  # gone, or a line without an end
        pass
    writers.discard(writer)
    writer.close()


async def main():
    context = None
    if options.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.cert, options.key)
    if options.ca:
        context.load_verify_locations(options.ca)
        context.verify_mode = ssl.CERT_REQUIRED
    server = await asyncio.start_server(serve, "127.0.0.1", options.port, ssl=context)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    print("ready", flush=True)
    await stopped.wait()
    server.close()
    for writer in list(writers):
        writer.close()
    leaving = [asyncio.ensure_future(writer.wait_closed()) for writer in writers]
    if leaving:
        await asyncio.wait(leaving, timeout=0.5)


asyncio.run(main())
