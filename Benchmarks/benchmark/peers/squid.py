"""Squid: a forward proxy, one process."""

from .peer import Can, Peer, write

CONFIGURATION = """
http_port 127.0.0.1:{port}
workers 1
visible_hostname benchmark
http_access allow all
cache deny all
cache_mem 0
access_log none
cache_log {directory}/squid.cache.log
cache_store_log none
netdb_filename none
pinger_enable off
pid_filename {directory}/squid.pid
coredump_dir {directory}
max_filedescriptors {descriptors}
client_idle_pconn_timeout 600 seconds
server_idle_pconn_timeout 600 seconds
shutdown_lifetime 0 seconds
"""


def _command(values):
    # A service name of its own keeps it apart from an installed squid that runs.
    return ["-N", "-n", "weirbenchmark", "-f", write(values, "squid.conf", CONFIGURATION)]


PEER = Peer(
    "squid", "squid", Can.PERSIST | Can.CONNECT | Can.EVENTS, _command,
    "with one process, without cache and logs",
)
