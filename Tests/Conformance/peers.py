"""Runs the conformance cases against other forward proxies and writes a Markdown table of how they did.

Each gets a configuration in a directory of its own that allows what the cases need, origins on loopback and CONNECT
to any port, and leaves everything else at its default: no cache, so that each request has to reach the origin.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SEVERITIES = ("must", "should", "hardening")

SQUID = """\
http_port 127.0.0.1:{port}
http_access allow all
cache deny all
pid_filename {directory}/pid
cache_log {directory}/cache.log
access_log none
coredump_dir {directory}
cache_mem 8 MB
shutdown_lifetime 0 seconds
# What a case says to nobody must not leave the machine.
dns_nameservers 127.0.0.1
dns_timeout 1 second
"""

APACHE = """\
ServerRoot {directory}
ServerName localhost
PidFile {directory}/pid
ErrorLog {directory}/error.log
Listen 127.0.0.1:{port}
User www-data
Group www-data
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
LoadModule proxy_connect_module /usr/lib/apache2/modules/mod_proxy_connect.so
LoadModule proxy_wstunnel_module /usr/lib/apache2/modules/mod_proxy_wstunnel.so
ProxyRequests On
ProxyVia On
AllowCONNECT 1-65535
<Proxy "*">
  Require all granted
</Proxy>
"""

TINYPROXY = """\
Port {port}
Listen 127.0.0.1
Timeout 600
Allow 127.0.0.1
MaxClients 200
LogFile "{directory}/log"
PidFile "{directory}/pid"
"""

TRAFFIC_RECORDS = """\
CONFIG proxy.config.http.server_ports STRING {port}:ip-in=127.0.0.1
CONFIG proxy.config.reverse_proxy.enabled INT 0
CONFIG proxy.config.url_remap.remap_required INT 0
CONFIG proxy.config.http.cache.http INT 0
CONFIG proxy.config.http.connect_ports STRING *
CONFIG proxy.config.dns.resolv_conf STRING NULL
CONFIG proxy.config.dns.nameservers STRING 127.0.0.1
CONFIG proxy.config.dns.lookup_timeout INT 1
CONFIG proxy.config.dns.retries INT 0
CONFIG proxy.config.log.logging_enabled INT 0
CONFIG proxy.config.diags.debug.enabled INT 0
CONFIG proxy.config.admin.user_id STRING #-1
CONFIG proxy.config.process_manager.mgmt_port INT 0
"""


class Peer:
    """A proxy in the foreground. `files` are written into its directory; {directory} and {port} are filled in."""

    def __init__(self, name, command, version, files, layout=None):
        self.name, self.command, self.version_command, self.files = name, command, version, files
        self.layout = layout

    def version(self):
        done = subprocess.run(self.version_command, capture_output=True, text=True, check=False)
        found = re.search(r"\d+\.\d+(\.\d+)*", done.stdout + done.stderr)
        return found[0] if found else "?"

    def start(self, directory, port):
        # The proxy gives its rights away and still has to write here.
        os.chmod(directory, 0o777)
        values = {"directory": directory, "port": port}
        if self.layout:
            self.layout(directory)
        for name, text in self.files.items():
            path = os.path.join(directory, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="ascii") as file:
                file.write(text.format(**values))
        environment = {**os.environ, "TS_ROOT": directory}
        with open(os.path.join(directory, "output"), "wb") as output:
            return subprocess.Popen([part.format(**values) for part in self.command], stdin=subprocess.DEVNULL,
                                    stdout=output, stderr=output, env=environment, cwd=directory)


def traffic_layout(directory):
    """Traffic Server wants its whole tree of directories under one root."""
    for name in ("etc", "var/log", "var/run", "var/cache", "share"):
        os.makedirs(os.path.join(directory, name), exist_ok=True)
        os.chmod(os.path.join(directory, name), 0o777)
    for name in os.listdir("/etc/trafficserver"):
        source = os.path.join("/etc/trafficserver", name)
        if os.path.isfile(source):
            shutil.copy(source, os.path.join(directory, "etc"))


PEERS = {
    "squid": Peer("Squid", ["squid", "-N", "-f", "{directory}/squid.conf"], ["squid", "-v"], {"squid.conf": SQUID}),
    "trafficserver": Peer(
        "Traffic Server", ["traffic_server", "--run-root={directory}/runroot.yaml"], ["traffic_server", "-V"],
        {"etc/records.config": TRAFFIC_RECORDS, "etc/remap.config": "", "etc/storage.config": "",
         "runroot.yaml": "prefix: {directory}\nexec_prefix: /usr\nbindir: /usr/bin\nsbindir: /usr/sbin\n"
                         "sysconfdir: {directory}/etc\ndatadir: {directory}/share\n"
                         "libdir: /usr/lib/trafficserver\nlibexecdir: /usr/lib/trafficserver/modules\n"
                         "localstatedir: {directory}/var\nruntimedir: {directory}/var/run\n"
                         "logdir: {directory}/var/log\ncachedir: {directory}/var/cache\n"},
        traffic_layout),
    "apache2": Peer("Apache httpd", ["apache2", "-DFOREGROUND", "-f", "{directory}/apache.conf"], ["apache2", "-v"],
                    {"apache.conf": APACHE}),
    "tinyproxy": Peer("tinyproxy", ["tinyproxy", "-d", "-c", "{directory}/tinyproxy.conf"], ["tinyproxy", "-v"],
                      {"tinyproxy.conf": TINYPROXY}),
}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def listening(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def stop(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def judge(peer):
    """The verdicts of one peer, by case id."""
    directory = tempfile.mkdtemp(prefix="conformance-")
    try:
        port = free_port()
        process = peer.start(directory, port)
        try:
            deadline = time.monotonic() + 20
            while not listening(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    with open(os.path.join(directory, "output"), encoding="utf-8", errors="replace") as file:
                        raise SystemExit(f"conformance-peers: {peer.name} does not start: {file.read()[-2000:]}")
                time.sleep(0.05)
            verdicts = os.path.join(directory, "verdicts.json")
            subprocess.run([sys.executable, os.path.join(HERE, "runner.py"), "--proxy", f"127.0.0.1:{port}",
                            "--json", verdicts, "-j", "16"], stdout=sys.stderr, check=False)
            if process.poll() is not None:
                print(f"conformance-peers: {peer.name} ended while it was tested", file=sys.stderr)
            with open(verdicts, encoding="utf-8") as file:
                return {row["id"]: row for row in json.load(file)}
        finally:
            stop(process)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def score(verdicts, severity):
    rows = [row for row in verdicts.values() if row["severity"] == severity]
    return f"{sum(row['passed'] for row in rows)}/{len(rows)}"


def write_table(results):
    print("| proxy | version | must | should | hardening |")
    print("|---|---|---|---|---|")
    for peer, verdicts in results:
        print(f"| {peer.name} | {peer.version()} | "
              + " | ".join(score(verdicts, severity) for severity in SEVERITIES) + " |")
    failed = [{name for name, row in verdicts.items() if not row["passed"]} for _, verdicts in results]
    everywhere = sorted(set.intersection(*failed))
    print(f"\nCases that all of these fail: {len(everywhere)}\n")
    for name in everywhere:
        row = results[0][1][name]
        print(f"- `{name}` (RFC {row['section']}, {row['severity']}): {row['title']}")


def main():
    unknown = [name for name in sys.argv[1:] if name not in PEERS]
    if unknown:
        sys.exit(f"conformance-peers: no such peer: {', '.join(unknown)}")
    # So that no peer is left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    results = []
    for name in sys.argv[1:] or PEERS:
        print(f"== {PEERS[name].name}", file=sys.stderr, flush=True)
        results.append((PEERS[name], judge(PEERS[name])))
    write_table(results)


if __name__ == "__main__":
    main()
