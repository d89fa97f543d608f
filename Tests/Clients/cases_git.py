"""git over its smart protocol: small answers, packs, chunked pushes."""

import os
import subprocess

import pages
from case import case
from lab import PROXY

BOTH = ("http", "https")
#: More than http.postBuffer (1 MiB), so that git sends the pack in chunks, after a probe.
PACK = 3_000_000


def git(c, *argv, **options):
    return c.run("git", "-c", f"http.proxy={PROXY}", "-c", f"http.sslCAInfo={c.lab.authority}",
                 "-c", "user.name=me", "-c", "user.email=me@weir.test", *argv,
                 extra={"GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}, **options)


def repository(c):
    """A bare repository at the origin that may be pushed to; its URL."""
    path = os.path.join(c.lab.files, "git", c.name)
    subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", path], check=True)
    subprocess.run(["git", "-C", path, "config", "http.receivepack", "true"], check=True)
    return c.url(f"/git/{c.name}")


def filled(c, size):
    """A local repository with one file of `size` bytes, and its commit."""
    git(c, "init", "--quiet", "-b", "main", "mine")
    c.write("mine/file", pages.blob(size))
    git(c, "-C", "mine", "add", "file")
    git(c, "-C", "mine", "commit", "--quiet", "-m", "one file")
    return git(c, "-C", "mine", "rev-parse", "HEAD").strip()


def push_and_clone(c, size):
    url, commit = repository(c), filled(c, size)
    git(c, "-C", "mine", "push", "--quiet", url, "main")
    git(c, "clone", "--quiet", url, "theirs")
    c.equal(git(c, "-C", "theirs", "rev-parse", "HEAD").strip(), commit, "commit")
    c.same_blob(c.read("theirs/file"), size)
    return url


@case(*BOTH)
def push_clone(c):
    push_and_clone(c, 5000)


@case(*BOTH)
def push_clone_large(c):
    """The pack goes up in chunks, once."""
    push_and_clone(c, PACK)
    packs = [a for a in c.arrivals() if a.target.endswith("receive-pack") and a.length > PACK]
    c.equal([a.all("Transfer-Encoding") for a in packs], [["chunked"]], "framing of the packs at the origin")


@case(*BOTH)
def fetch(c):
    """What was added later comes by fetch, over protocol v2."""
    url = push_and_clone(c, 5000)
    c.write("mine/other", pages.blob(7000))
    git(c, "-C", "mine", "add", "other")
    git(c, "-C", "mine", "commit", "--quiet", "-m", "another")
    git(c, "-C", "mine", "push", "--quiet", url, "main")
    git(c, "-C", "theirs", "pull", "--quiet")
    c.same_blob(c.read("theirs/other"), 7000)
    versions = {a.first("Git-Protocol") for a in c.arrivals()}
    c.equal("version=2" in versions, True, "protocol version 2 at the origin")


@case(*BOTH)
def origin_refuses(c):
    git(c, "clone", "--quiet", c.refused(), "theirs", status=128)
    c.matches(c.complaint, "502", "what git says")
