#!/usr/bin/env python3
"""Kills with SIGKILL whoever takes longer to stop than it said: watchdog.py SOCKET. A server connects, says
"stopping MILLISECONDS" when it begins to stop, and is judged until it closes. Ends at SIGTERM."""
import asyncio
import os
import signal
import socket
import struct
import sys


async def watch(reader, writer):
    peer = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    process = os.pidfd_open(struct.unpack("3i", peer)[0])
    said = (await reader.readline()).split()
    try:
        if said:  # else it is gone already
            await asyncio.wait_for(reader.read(), int(said[1]) / 1000)
    except asyncio.TimeoutError:
        signal.pidfd_send_signal(process, signal.SIGKILL)
    finally:
        os.close(process)
        writer.close()


async def main(path):
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    async with await asyncio.start_unix_server(watch, path):
        print("listening", flush=True)
        await over.wait()
    os.unlink(path)


asyncio.run(main(sys.argv[1]))
