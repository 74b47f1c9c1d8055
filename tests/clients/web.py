"""web.py HOW URL: for each line N on standard input N requests, each with a connection of its own; prints what they get."""

import asyncio
import socket
import sys
import urllib.parse


def urllib_get(url, count):
    import urllib.request

    for _ in range(count):
        with urllib.request.urlopen(url) as response:
            print(response.read().decode(), end="")


def requests_session(url):
    import requests

    # One session: it keeps no connection, for the pods close theirs.
    session = requests.Session()

    def get(url, count):
        for _ in range(count):
            print(session.get(url).text, end="")

    return get


async def aiohttp_main(url):
    import aiohttp

    async with aiohttp.ClientSession() as session:
        while count := await next_count():
            for _ in range(count):
                async with session.get(url) as response:
                    print(await response.text(), end="")
            sys.stdout.flush()


async def aiodns_main(url):
    import aiodns

    place = urllib.parse.urlsplit(url)
    resolver = aiodns.DNSResolver()
    while count := await next_count():
        for _ in range(count):
            answer = await resolver.gethostbyname(place.hostname, socket.AF_INET)
            reader, writer = await asyncio.open_connection(answer.addresses[0], place.port)
            writer.write(f"GET {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode())
            print((await reader.read()).decode().split("\r\n\r\n")[1], end="")
            writer.close()
        sys.stdout.flush()


async def next_count():
    line = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    return int(line or 0)


def main():
    how, url = sys.argv[1:]
    if how == "aiohttp":
        asyncio.run(aiohttp_main(url))
    elif how == "aiodns":
        asyncio.run(aiodns_main(url))
    else:
        get = requests_session(url) if how == "requests" else urllib_get
        for line in sys.stdin:
            get(url, int(line))
            sys.stdout.flush()


main()
