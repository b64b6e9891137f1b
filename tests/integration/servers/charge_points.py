"""A central system for charge points: WebSocket with the subprotocol ocpp1.6, every call [2, id, action, payload] is
answered with [3, id, {}]. SIGTERM closes everybody with 1001 and exits 0."""
import asyncio
import base64
import hashlib
import json
import signal
import sys

writers = {}
closing = set()  # nothing follows a Close frame


def frame(opcode, payload):
    size = bytes([len(payload)]) if len(payload) < 126 else b"\x7e" + len(payload).to_bytes(2, "big")
    return bytes([0x80 | opcode]) + size + payload


async def read_frame(reader):
    head = await reader.readexactly(2)
    size = head[1] & 0x7F
    if size == 126:
        size = int.from_bytes(await reader.readexactly(2), "big")
    mask = await reader.readexactly(4)
    payload = bytes(b ^ mask[i % 4] for i, b in enumerate(await reader.readexactly(size)))
    return head[0] & 0x0F, payload


async def serve(reader, writer):
    try:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.split(": ", 1) for line in request.split("\r\n")[1:] if line)
        digest = hashlib.sha1((fields["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        writer.write((f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      f"Sec-WebSocket-Protocol: {fields['Sec-WebSocket-Protocol']}\r\n"
                      f"Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}\r\n\r\n").encode())
        writers[writer] = asyncio.Event()
        while True:
            opcode, payload = await read_frame(reader)
            if opcode == 8:
                break
            if writer in closing:
                continue
            if opcode == 9:
                writer.write(frame(10, payload))
            if opcode == 1:
                _, call, action, _ = json.loads(payload)
                print("called", action, flush=True)
                writer.write(frame(1, json.dumps([3, call, {}], separators=(",", ":")).encode()))
    except (OSError, asyncio.IncompleteReadError):
        pass
    if writer in writers:
        writers.pop(writer).set()
    writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    print("ready", flush=True)
    await stopped.wait()
    server.close()
    leaving = list(writers.items())
    for writer, _ in leaving:
        closing.add(writer)
        writer.write(frame(8, (1001).to_bytes(2, "big")))
    for _, gone in leaving:
        await asyncio.wait_for(gone.wait(), 1)


asyncio.run(main())
