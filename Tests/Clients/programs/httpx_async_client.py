"""httpx, its asynchronous client: usage SCENARIO URL [FILE]; PROXY and CA_FILE from
the environment; one line of JSON."""

import asyncio
import hashlib
import os

import httpx

from scenario import run


def client():
    return httpx.AsyncClient(proxies=os.environ["PROXY"], verify=os.environ["CA_FILE"], trust_env=False,
                             timeout=20)


async def told(one, url):
    digest, length = hashlib.sha256(), 0
    async with one.stream("GET", url) as answer:
        async for piece in answer.aiter_bytes():
            digest.update(piece)
            length += len(piece)
        return {"status": answer.status_code, "length": length, "sha256": digest.hexdigest(),
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


async def upload(url, path):
    async with client() as one:
        return (await one.post(url, content=pieces(path))).json()


async def gate(url):
    async with client() as one, one.stream("GET", url + "/gate/key") as answer:
        content = answer.aiter_bytes()
        first = await content.__anext__()
        await one.get(url + "/open/key")
        return {"first": first.decode(), "rest": b"".join([piece async for piece in content]).decode()}


if __name__ == "__main__":
    run(globals(), httpx.HTTPError)
