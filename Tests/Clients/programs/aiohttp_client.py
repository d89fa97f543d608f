"""aiohttp: usage SCENARIO URL [FILE]; PROXY and CA_FILE from the environment; one line of JSON."""

import asyncio
import hashlib
import os
import ssl

import aiohttp

from scenario import run

GIVEN = {"proxy": os.environ["PROXY"]}


def client():
    tls = ssl.create_default_context(cafile=os.environ["CA_FILE"])
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls))


async def told(one, url):
    digest, length = hashlib.sha256(), 0
    async with one.get(url, **GIVEN) as answer:
        async for piece in answer.content.iter_any():
            digest.update(piece)
            length += len(piece)
        return {"status": answer.status, "length": length, "sha256": digest.hexdigest(),
                "proxy_status": answer.headers.get("Proxy-Status")}


async def pieces(path):
    with open(path, "rb") as file:
        while (piece := file.read(10000)):
            yield piece


async def fetch(url):
    async with client() as one:
        return await told(one, url)


async def together(url):
    async with client() as one:
        return {"results": await asyncio.gather(*(told(one, url) for _ in range(20)))}


async def reuse(url):
    async with client() as one:
        return {"results": [await told(one, url) for _ in range(5)]}


async def fresh(url):
    return {"results": [await fetch(url) for _ in range(5)]}


async def send(url, content, **more):
    async with client() as one, one.post(url, data=content, **GIVEN, **more) as answer:
        return await answer.json(content_type=None)


async def post(url, path):
    with open(path, "rb") as file:
        return await send(url, file)


async def expect(url, path):
    with open(path, "rb") as file:
        return await send(url, file, expect100=True)


async def upload(url, path):
    return await send(url, pieces(path))


async def gate(url):
    async with client() as one, one.get(url + "/gate/key", **GIVEN) as answer:
        first = await answer.content.readany()
        async with one.get(url + "/open/key", **GIVEN) as opened:
            await opened.read()
        return {"first": first.decode(), "rest": (await answer.content.read()).decode()}


async def websocket(url):
    async with client() as one, one.ws_connect(url, **GIVEN) as socket:
        heard = [await socket.receive_str()]
        for text in ("one", "two" * 30000):
            await socket.send_str(text)
            heard.append(await socket.receive_str())
        await socket.send_bytes(b"\x00\xff" * 100)
        heard.append((await socket.receive_bytes()).hex())
        await socket.close()
        return {"heard": heard, "code": socket.close_code}


if __name__ == "__main__":
    run(globals(), aiohttp.ClientError)
