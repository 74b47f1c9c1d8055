"""nonblocking.py HOST PORT RATE SECONDS: as blocking.c, with asyncio and its sock_connect."""

import asyncio
import socket
import sys
import time

PATIENCE = 5


class Counts:
    failed = 0
    longest = 0.0


def say(*words):
    print(*words, flush=True)


async def ask(loop, one):
    await loop.sock_sendall(one, b"GET /address HTTP/1.0\r\n\r\n")
    reply = b""
    while got := await loop.sock_recv(one, 4096):
        reply += got
    if b"\r\n\r\n" not in reply:
        raise ConnectionError("none")


async def visit(host, port, began):
    loop = asyncio.get_running_loop()
    start = time.monotonic()
    stage = "lookup"
    try:
        family, _, _, _, address = (await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))[0]
        with socket.socket(family, socket.SOCK_STREAM) as one:
            one.setblocking(False)
            stage = "connect"
            await asyncio.wait_for(loop.sock_connect(one, address), PATIENCE)
            stage = "reply"
            await asyncio.wait_for(ask(loop, one), PATIENCE)
    except (OSError, asyncio.TimeoutError) as error:
        Counts.failed += 1
        say(f"{round((start - began) * 1000)} ms: {stage}: {str(error) or 'timed out'}")
    Counts.longest = max(Counts.longest, time.monotonic() - start)


async def main():
    host, port, rate, seconds = sys.argv[1], *map(int, sys.argv[2:])
    say("begins")
    began = time.monotonic() + 0.1
    visits = []
    for i in range(rate * seconds):
        await asyncio.sleep(max(0, began + i / rate - time.monotonic()))
        visits.append(asyncio.create_task(visit(host, port, began)))
    await asyncio.gather(*visits)
    say(f"made {len(visits)} failed {Counts.failed} longest {round(Counts.longest * 1000)} ms")


asyncio.run(main())
