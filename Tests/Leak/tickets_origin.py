#!/usr/bin/python3
"""An HTTPS origin on OpenSSL, whose session tickets follow the handshake (TLS 1.3): the client receives bytes
though its answer is still to come. GET /slow?after=6s is answered "at last" after that time, all else "ok".

Usage: ADDRESS PORT PEM-FILE. It prints a line when it listens, and never closes a connection by itself.
"""

import socket
import ssl
import sys
import threading
import time
import urllib.parse


def answer(target):
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(target).query)
    if "after" not in query:
        return b"ok\n"
    time.sleep(float(query["after"][0].rstrip("s")))
    return b"at last\n"


def serve(context, raw):
    try:
        with context.wrap_socket(raw, server_side=True) as peer:
            heard = b""
            while True:
                while b"\r\n\r\n" not in heard:
                    piece = peer.recv(65536)
                    if not piece:
                        return
                    heard += piece
                head, heard = heard.split(b"\r\n\r\n", 1)
                content = answer(head.split()[1].decode("ascii"))
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(content), content))
    except OSError:
        # A client that left, or that was made to.
        pass


def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3])
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=1024)
    threading.stack_size(256 << 10)
    print("listening", flush=True)
    while True:
        raw, _ = listener.accept()
        threading.Thread(target=serve, args=(context, raw), daemon=True).start()


if __name__ == "__main__":
    main()
