"""nginx: a reverse proxy to one fixed server, as it is no forward proxy."""

from .peer import Can, Peer, write

CONFIGURATION = """
daemon off;
master_process off;
pid {directory}/proxy.pid;
error_log {directory}/proxy.error.log warn;
worker_rlimit_nofile {descriptors};
events {{ worker_connections {descriptors}; }}
http {{
    access_log off;
    client_body_temp_path {directory}/proxy.body;
    proxy_temp_path {directory}/proxy.temp;
    fastcgi_temp_path {directory}/proxy.fastcgi;
    uwsgi_temp_path {directory}/proxy.uwsgi;
    scgi_temp_path {directory}/proxy.scgi;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    upstream origin {{
        server {origin};
        keepalive 4000;
        keepalive_requests 1000000000;
        keepalive_timeout 600s;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://origin;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_max_temp_file_size 0;
        }}
    }}
}}
"""


def _command(values):
    path = write(values, "proxy.conf", CONFIGURATION)
    return ["-c", path, "-e", str(values.directory / "proxy.error.log")]


PEER = Peer(
    "nginx", "nginx", Can.PERSIST | Can.EVENTS | Can.CALLGRIND, _command,
    "as a reverse proxy to one fixed server with keepalive, one process, as it is no forward proxy",
)
