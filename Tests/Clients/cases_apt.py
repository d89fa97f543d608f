"""apt with a flat repository. To a proxy it pipelines."""

import email.utils
import gzip
import hashlib
import os
import subprocess
import time

import pages
from case import case
from lab import PROXY

BOTH = ("http", "https")
PACKAGES = [f"sample{number}" for number in range(6)]


def package(folder, name):
    """Builds one package and returns its entry of the index."""
    tree = os.path.join(folder, name)
    os.makedirs(os.path.join(tree, "DEBIAN"))
    control = (f"Package: {name}\nVersion: 1.0\nArchitecture: all\nMaintainer: me <me@weir.test>\n"
               f"Description: nothing\n")
    with open(os.path.join(tree, "DEBIAN", "control"), "w", encoding="ascii") as file:
        file.write(control)
    with open(os.path.join(tree, "data"), "wb") as file:
        file.write(pages.blob(40000 + len(name)))
    path = f"{tree}_1.0_all.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, path], check=True,
                   stdout=subprocess.DEVNULL)
    with open(path, "rb") as file:
        content = file.read()
    return (f"{control}Filename: ./{os.path.basename(path)}\nSize: {len(content)}\n"
            f"SHA256: {hashlib.sha256(content).hexdigest()}\n\n")


def repository(c):
    """Builds a flat repository among the origin's files."""
    folder = os.path.join(c.lab.files, c.name)
    os.makedirs(folder)
    index = "".join(package(folder, name) for name in PACKAGES).encode("ascii")
    listed = {"Packages": index, "Packages.gz": gzip.compress(index)}
    release = f"Date: {email.utils.formatdate(time.time(), usegmt=True)[:-3]}UTC\nSHA256:\n"
    for name, content in listed.items():
        release += f" {hashlib.sha256(content).hexdigest()} {len(content)} {name}\n"
    for name, content in {**listed, "Release": release.encode("ascii")}.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)
    return folder


def options(c, url):
    """apt with its whole state in the folder of the case."""
    for name in ("lists/partial", "cache/archives/partial", "etc/apt.conf.d", "etc/preferences.d",
                 "etc/sources.list.d", "etc/trusted.gpg.d"):
        os.makedirs(c.path(name), exist_ok=True)
    c.write("status", b"")
    c.write("sources.list", f"deb [trusted=yes] {url} ./\n".encode())
    settings = {
        "Dir::State": c.directory, "Dir::State::lists": c.path("lists"), "Dir::State::status": c.path("status"),
        "Dir::Cache": c.path("cache"), "Dir::Etc": c.path("etc"), "Dir::Etc::SourceList": c.path("sources.list"),
        "Acquire::http::Proxy": PROXY, "Acquire::https::Proxy": PROXY, "Acquire::https::CaInfo": c.lab.authority,
        "Acquire::Languages": "none", "Acquire::Retries": "0", "APT::Sandbox::User": "root",
    }
    argv = ["-q"]
    for name, value in settings.items():
        argv += ["-o", f"{name}={value}"]
    # Without the machine's own settings.
    c.write("apt.conf", b"")
    return argv


def apt(c, *argv, url=None, **rest):
    given = options(c, url or c.url(f"/file/{c.name}/"))
    return c.run("apt-get", *given, *argv, extra={"APT_CONFIG": c.path("apt.conf")}, **rest)


@case(*BOTH)
def update_download(c):
    folder = repository(c)
    apt(c, "update")
    apt(c, "download", *PACKAGES)
    for name in PACKAGES:
        with open(os.path.join(folder, f"{name}_1.0_all.deb"), "rb") as file:
            c.equal(c.read(f"{name}_1.0_all.deb") == file.read(), True, f"{name} as it is at the origin")
    debs = [arrival.target for arrival in c.arrivals() if arrival.target.endswith(".deb")]
    c.equal(len(debs), len(PACKAGES), "requests for packages at the origin")


@case(*BOTH)
def second_update(c):
    """Nothing has changed: 304."""
    repository(c)
    apt(c, "update")
    shown = apt(c, "update").decode()
    c.matches(shown, "(?m)^Hit:", "what apt says")
    since = [arrival.first("If-Modified-Since") for arrival in c.arrivals()]
    c.equal(any(since), True, "a conditional request at the origin")


@case(*BOTH)
def origin_refuses(c):
    shown = apt(c, "update", "-o", "APT::Update::Error-Mode=any", url=c.refused(), status=100).decode()
    c.matches(shown + c.complaint, "502", "what apt says")
