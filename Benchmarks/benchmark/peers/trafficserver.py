"""Apache Traffic Server: a forward proxy, one event thread."""

import pathlib
import shutil

from .peer import Can, Peer, write

RECORDS = """
CONFIG proxy.config.http.server_ports STRING {port}:ip-in=127.0.0.1
CONFIG proxy.config.reverse_proxy.enabled INT 0
CONFIG proxy.config.url_remap.remap_required INT 0
CONFIG proxy.config.http.cache.http INT 0
CONFIG proxy.config.http.connect_ports STRING *
CONFIG proxy.config.dns.resolv_conf STRING NULL
CONFIG proxy.config.dns.nameservers STRING 127.0.0.1
CONFIG proxy.config.log.logging_enabled INT 0
CONFIG proxy.config.diags.debug.enabled INT 0
CONFIG proxy.config.admin.user_id STRING #-1
CONFIG proxy.config.process_manager.mgmt_port INT 0
CONFIG proxy.config.exec_thread.autoconfig INT 0
CONFIG proxy.config.exec_thread.limit INT 1
CONFIG proxy.config.accept_threads INT 0
CONFIG proxy.config.net.connections_throttle INT {descriptors}
CONFIG proxy.config.net.max_connections_in INT {descriptors}
CONFIG proxy.config.net.listen_backlog INT 4096
CONFIG proxy.config.http.keep_alive_no_activity_timeout_in INT 600
CONFIG proxy.config.http.keep_alive_no_activity_timeout_out INT 600
CONFIG proxy.config.http.transaction_no_activity_timeout_in INT 600
CONFIG proxy.config.http.transaction_no_activity_timeout_out INT 600
"""

RUN_ROOT = """
prefix: {directory}
exec_prefix: /usr
bindir: /usr/bin
sbindir: /usr/sbin
sysconfdir: {directory}/etc
datadir: {directory}/share
libdir: /usr/lib/trafficserver
libexecdir: /usr/lib/trafficserver/modules
localstatedir: {directory}/var
runtimedir: {directory}/var/run
logdir: {directory}/var/log
cachedir: {directory}/var/cache
"""


def _root(values):
    return values._replace(directory=values.directory / "trafficserver")


def _command(values):
    # It wants its whole tree of directories under one root, and gives up its rights.
    values = _root(values)
    shutil.rmtree(values.directory, ignore_errors=True)
    for name in ("etc", "var/log", "var/run", "var/cache", "share"):
        (values.directory / name).mkdir(parents=True)
        (values.directory / name).chmod(0o777)
    for path in pathlib.Path("/etc/trafficserver").iterdir():
        if path.is_file():
            shutil.copy(path, values.directory / "etc")
    write(values, "etc/records.config", RECORDS)
    for name in ("etc/remap.config", "etc/storage.config"):
        (values.directory / name).write_text("")
    return [f"--run-root={write(values, 'runroot.yaml', RUN_ROOT)}"]


PEER = Peer(
    "trafficserver", "traffic_server", Can.PERSIST | Can.CONNECT | Can.EVENTS, _command,
    "with one event thread, without cache and logs",
    environment=lambda values: {"TS_ROOT": str(_root(values).directory)},
)
