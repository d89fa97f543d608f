"""httpx, its synchronous client: usage SCENARIO URL [FILE]; PROXY and CA_FILE from the environment; one line
of JSON."""

import hashlib
import os

import httpx

from scenario import run


def client():
    return httpx.Client(proxies=os.environ["PROXY"], verify=os.environ["CA_FILE"], trust_env=False, timeout=20)


def told(answer):
    digest, length = hashlib.sha256(), 0
    for piece in answer.iter_bytes():
        digest.update(piece)
        length += len(piece)
    return {"status": answer.status_code, "length": length, "sha256": digest.hexdigest(),
            "proxy_status": answer.headers.get("Proxy-Status")}


def pieces(path):
    with open(path, "rb") as file:
        while (piece := file.read(10000)):
            yield piece


def fetch(url):
    with client() as one, one.stream("GET", url) as answer:
        return told(answer)


def reuse(url):
    with client() as one:
        return {"results": [told(one.get(url)) for _ in range(5)]}


def fresh(url):
    results = []
    for _ in range(5):
        with client() as one:
            results.append(told(one.get(url)))
    return {"results": results}


def post(url, path):
    with client() as one, open(path, "rb") as file:
        return one.post(url, content=file.read()).json()


def upload(url, path):
    with client() as one:
        return one.post(url, content=pieces(path)).json()


def gate(url):
    with client() as one, one.stream("GET", url + "/gate/key") as answer:
        content = answer.iter_bytes()
        first = next(content)
        one.get(url + "/open/key")
        return {"first": first.decode(), "rest": b"".join(content).decode()}


if __name__ == "__main__":
    run(globals(), httpx.HTTPError)
