"""Apache httpd: a forward proxy, one process with a thread for each busy connection."""

from .peer import Can, Peer, write

CONFIGURATION = """
ServerRoot {directory}
ServerName localhost
PidFile {directory}/apache.pid
ErrorLog {directory}/apache.error.log
LogLevel crit
Listen 127.0.0.1:{port}
ListenBacklog 4096
User www-data
Group www-data
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
LoadModule proxy_connect_module /usr/lib/apache2/modules/mod_proxy_connect.so
ServerLimit 1
StartServers 1
ThreadLimit 128
ThreadsPerChild 128
MaxRequestWorkers 128
MinSpareThreads 128
MaxSpareThreads 128
AsyncRequestWorkerFactor 200
MaxKeepAliveRequests 0
KeepAlive On
KeepAliveTimeout 600
Timeout 600
ProxyRequests On
AllowCONNECT 1-65535
<Proxy "*">
  Require all granted
</Proxy>
<Proxy "http://{origin}/">
  ProxySet enablereuse=on keepalive=On
</Proxy>
"""


def _command(values):
    return ["-DFOREGROUND", "-f", write(values, "apache.conf", CONFIGURATION)]


PEER = Peer(
    "apache2", "apache2", Can.PERSIST | Can.CONNECT, _command,
    "with the event MPM, one child of 128 threads, as a forward proxy that may reuse connections to the origin",
)
