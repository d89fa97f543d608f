"""wget."""

import json
import os

import pages
from case import case
from lab import PROXY

BOTH = ("http", "https")
SITE = {"index.html": '<a href="a.html">a</a> <a href="deep/b.html">b</a> <img src="picture.bin">',
        "a.html": '<a href="index.html">back</a>', "deep/b.html": '<a href="../a.html">a</a>'}


def wget(c, *argv, **options):
    return c.run("wget", "--no-verbose", "--tries=1", "-e", "use_proxy=yes", "-e", f"http_proxy={PROXY}",
                 "-e", f"https_proxy={PROXY}", "-e", "no_proxy=", f"--ca-certificate={c.lab.authority}", *argv,
                 **options)


@case(*BOTH)
def get(c):
    c.same_blob(wget(c, "-O", "-", c.url("/bytes/100000")), 100000)
    c.sole_arrival("GET")


@case()
def spider(c):
    wget(c, "--spider", c.url("/bytes/100000"))
    c.sole_arrival("HEAD")


@case(*BOTH)
def post(c):
    body = c.write("body", pages.blob(700000))
    c.same_digest(json.loads(wget(c, "-O", "-", f"--post-file={body}", c.url("/echo"))), 700000)
    c.sole_arrival("POST")


@case(*BOTH, name="continue")
def continue_(c):
    c.write("200000", pages.blob(200000)[:70000])
    wget(c, "--continue", c.url("/bytes/200000"))
    c.same_blob(c.read("200000"), 200000)
    c.equal(c.arrivals()[-1].first("Range"), "bytes=70000-", "Range at the origin")


@case(*BOTH)
def recursive(c):
    for name, text in SITE.items():
        path = os.path.join(c.lab.files, c.name, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
    with open(os.path.join(c.lab.files, c.name, "picture.bin"), "wb") as file:
        file.write(pages.blob(30000))
    wget(c, "--recursive", "--no-host-directories", "--cut-dirs=2", "--execute", "robots=off",
         c.url(f"/file/{c.name}/"))
    for name, text in SITE.items():
        c.equal(c.read(name).decode(), text, name)
    c.same_blob(c.read("picture.bin"), 30000)
    c.equal(len({arrival.connection for arrival in c.arrivals()}), 1, "connections to the origin")


@case(*BOTH)
def resumes_after_cut(c):
    """The response ends early; wget notices and fetches the rest."""
    wget(c, "--tries=3", "--waitretry=0", "-O", "got", c.url("/cut/100000?once"))
    c.same_blob(c.read("got"), 100000)
    c.equal(len(c.arrivals()), 2, "requests at the origin")


@case(*BOTH)
def cut_in_content(c):
    wget(c, "-O", "got", c.url("/cut/100000"), status=4)


@case(*BOTH)
def origin_refuses(c):
    wget(c, "-O", "-", c.refused(), status=8 if c.scheme == "http" else 4)
    c.matches(c.complaint, "502|Bad Gateway", "what wget says")


@case(*BOTH)
def unknown_host(c):
    wget(c, "-O", "-", c.unknown(), status=8 if c.scheme == "http" else 4)
    c.matches(c.complaint, "502|Bad Gateway", "what wget says")
