"""git's smart protocol: `git http-backend` as a CGI program of the origin."""

import os
import subprocess
import tempfile


def environment(handler, words):
    headers = handler.headers
    query = handler.path.partition("?")[2]
    values = {
        "GIT_PROJECT_ROOT": os.path.join(handler.server.origin.files, "git"), "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": "/" + "/".join(words), "QUERY_STRING": query, "REQUEST_METHOD": handler.command,
        "CONTENT_TYPE": headers.get("Content-Type", ""), "REMOTE_ADDR": handler.client_address[0],
        "HTTP_CONTENT_ENCODING": headers.get("Content-Encoding", ""),
        "GIT_PROTOCOL": headers.get("Git-Protocol", ""), "HOME": handler.server.origin.files,
        "GIT_CONFIG_NOSYSTEM": "1", "PATH": os.environ["PATH"], "LANG": "C.UTF-8",
    }
    return {name: value for name, value in values.items() if value}


def answer(handler, words, _):
    with tempfile.TemporaryFile() as content:
        for piece in handler.content():
            content.write(piece)
        content.seek(0)
        given = {**environment(handler, words), "CONTENT_LENGTH": str(handler.arrival.length)}
        done = subprocess.run(["git", "http-backend"], stdin=content, env=given, capture_output=True,
                              check=False, timeout=15)
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    fields = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n") if line)
    status = int(fields.pop("Status", "200").split()[0])
    if not head:
        status, body = 500, done.stderr
    handler.head(status, {**fields, "Transfer-Encoding": "chunked"})
    for start in range(0, len(body), 8192):
        handler.chunk(body[start:start + 8192])
    handler.end_chunks()
