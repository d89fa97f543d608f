"""websockets: it knows no proxies in the version that Debian has, so the tunnel is made by hand and handed
over. Usage: URL; PROXY and CA_FILE from the environment; one line of JSON."""

import asyncio
import json
import os
import socket
import ssl
import sys
import urllib.parse

import websockets


def tunnel(host, port):
    proxy = urllib.parse.urlsplit(os.environ["PROXY"])
    made = socket.create_connection((proxy.hostname, proxy.port), timeout=10)
    made.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode("ascii"))
    head = b""
    # One byte at a time: what follows the head is the WebSocket's.
    while not head.endswith(b"\r\n\r\n"):
        byte = made.recv(1)
        if not byte:
            raise ConnectionError("no answer to CONNECT")
        head += byte
    if not head.startswith(b"HTTP/1.1 200 "):
        raise ConnectionError(head.decode("latin-1"))
    return made


async def main():
    url = urllib.parse.urlsplit(sys.argv[1])
    secure = url.scheme == "wss"
    given = {"sock": tunnel(url.hostname, url.port or (443 if secure else 80))}
    if secure:
        given["server_hostname"] = url.hostname
        given["ssl"] = ssl.create_default_context(cafile=os.environ["CA_FILE"])
    async with websockets.connect(sys.argv[1], **given) as connection:
        heard = [await connection.recv()]
        for message in ("one", "two" * 30000, b"\x00\xff" * 100):
            await connection.send(message)
            answer = await connection.recv()
            heard.append(answer if isinstance(answer, str) else answer.hex())
        # A pong is waited for.
        await (await connection.ping())
    print(json.dumps({"heard": heard, "code": connection.close_code}))


if __name__ == "__main__":
    asyncio.run(main())
