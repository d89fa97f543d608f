"""One namespace with weir, the origin and a name server, and what is left of weir's connections at the end."""

import concurrent.futures
import json
import os
import shutil
import subprocess
import tempfile

import certificates
import sockettable
from eventually import eventually
from nameserver import NameServer
from netns import ORIGIN_ADDRESS, Namespace
from origin import Origin
from weirprocess import ADMIN_PORT, PROXY_PORT, Weir

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = os.path.join(HERE, "programs")
DOMAIN = "weir.test"
PROXY = f"http://127.0.0.1:{PROXY_PORT}"
#: Nothing listens there.
CLOSED_PORT = 9
ORIGIN_PORTS = (80, 443, CLOSED_PORT)


class Lab:
    """Only weir can resolve the origin's names: `ip netns exec` mounts the name server's resolv.conf for it,
    the clients merely share the network. So what arrives has come through weir."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="weir-clients-")
        self.files = self.folder("files")
        self.compiled = self.folder("compiled")
        self.names, self.weir, self.origin, self.resolver = {}, None, None, None
        self.namespace = Namespace(prefix="weir-clients")
        self.compilers = concurrent.futures.ThreadPoolExecutor(2)
        self.programs = {}

    def folder(self, name):
        path = os.path.join(self.directory, name)
        os.makedirs(path)
        return path

    def start(self):
        self.resolver = NameServer(self.namespace, self.names)
        tls = certificates.make(self.directory, DOMAIN, ORIGIN_ADDRESS)
        self.authority = os.path.join(self.directory, "ca.pem")
        self.origin = Origin(self.namespace, ORIGIN_ADDRESS, tls, self.files)
        self.weir = Weir(self.namespace, {"log.access": "on", "log.format": "json"}).start()
        eventually(lambda: not self.connections(PROXY_PORT, ADMIN_PORT), 5, "the health check is gone")
        self.descriptors = self.weir.descriptors()
        return self

    def destroy(self):
        self.compilers.shutdown(cancel_futures=True)
        if self.weir:
            self.weir.destroy()
        if self.origin:
            self.origin.close()
        if self.resolver:
            self.resolver.close()
        self.namespace.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    # Programs that are compiled, in the background, while others run

    def compile(self, name, *argv, source):
        environment = dict(os.environ, GOFLAGS="-mod=mod", GOPROXY="off")
        self.programs[name] = self.compilers.submit(
            subprocess.run, argv, cwd=os.path.join(PROGRAMS, source), env=environment, text=True,
            capture_output=True, timeout=120, check=False)

    def compile_go(self):
        self.compile("go", "go", "build", "-o", os.path.join(self.compiled, "goclient"), ".", source="go")

    def compile_java(self):
        sources = sorted(os.listdir(os.path.join(PROGRAMS, "java")))
        self.compile("java", "javac", "-d", self.compiled, *sources, source="java")

    def need(self, name):
        done = self.programs[name].result()
        if done.returncode != 0:
            raise AssertionError(f"{name} does not compile:\n{done.stdout}{done.stderr}")
        return self.compiled

    # What weir says and holds

    def log(self):
        """weir's access records so far."""
        return [json.loads(line) for line in self.weir.stderr(1 << 30).splitlines()
                if line.startswith("{") and '"kind":' in line]

    def connections(self, *ports):
        """What is not in TIME_WAIT and has one of `ports` at one end."""
        return [row for row in sockettable.rows(self.namespace) if row.state != "TIME-WAIT"
                and (row.local_port in ports or row.peer_port in ports)]

    def assert_clients_gone(self):
        """All clients have ended, so weir must hold none of their connections, and no tunnel."""
        eventually(lambda: not self.connections(PROXY_PORT), 10,
                   lambda: f"no client connection left: {self.connections(PROXY_PORT)}")
        eventually(lambda: not self.tunnelled(), 10, lambda: f"no tunnel left: {self.tunnelled()}")

    def tunnelled(self):
        """weir's own ends of connections to the TLS port: only tunnels go there."""
        return [row for row in self.connections(443, CLOSED_PORT) if row.peer_port in (443, CLOSED_PORT)]

    def assert_nothing_left(self):
        """Once the origin has gone too, no connection and no descriptor is left."""
        self.origin.close()
        eventually(lambda: not self.connections(PROXY_PORT, *ORIGIN_PORTS), 10,
                   lambda: f"every connection gone: {self.connections(PROXY_PORT, *ORIGIN_PORTS)}")
        eventually(lambda: self.weir.descriptors() <= self.descriptors, 10,
                   lambda: f"{self.descriptors} descriptors again: {self.weir.descriptor_names()}")
