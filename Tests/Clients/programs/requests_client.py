"""requests: usage SCENARIO URL [FILE]; PROXY and CA_FILE from the environment; one line of JSON."""

import hashlib
import os

import requests

from scenario import run

PROXIES = {"http": os.environ["PROXY"], "https": os.environ["PROXY"]}


def session():
    made = requests.Session()
    made.trust_env = False
    made.proxies, made.verify = PROXIES, os.environ["CA_FILE"]
    return made


def told(answer):
    digest, length = hashlib.sha256(), 0
    for piece in answer.iter_content(65536):
        digest.update(piece)
        length += len(piece)
    return {"status": answer.status_code, "length": length, "sha256": digest.hexdigest(),
            "announced": int(answer.headers.get("Content-Length", -1)),
            "proxy_status": answer.headers.get("Proxy-Status")}


def pieces(path):
    with open(path, "rb") as file:
        while (piece := file.read(10000)):
            yield piece


def fetch(url):
    return told(session().get(url, stream=True))


def reuse(url):
    one = session()
    return {"results": [told(one.get(url)) for _ in range(5)]}


def fresh(url):
    return {"results": [told(requests.get(url, proxies=PROXIES, verify=os.environ["CA_FILE"])) for _ in range(5)]}


def post(url, path):
    with open(path, "rb") as file:
        return session().post(url, data=file).json()


def upload(url, path):
    return session().post(url, data=pieces(path)).json()


def gate(url):
    one = session()
    answer = one.get(url + "/gate/key", stream=True)
    content = answer.iter_content(None)
    first = next(content)
    one.get(url + "/open/key")
    return {"first": first.decode(), "rest": b"".join(content).decode()}


if __name__ == "__main__":
    run(globals(), requests.RequestException)
