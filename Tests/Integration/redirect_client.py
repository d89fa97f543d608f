"""An app under the command of a test, one JSON line in and one out: {"open": [address, port]} connects and
keeps the connection, {"say": text} echoes over it, {"close": true}; {"visit": [address, port]} connects,
reads one line and closes. The answer is what was read, or {"error": NAME}."""

import errno
import json
import socket
import sys


def connect(place):
    """`place`: address, port, and perhaps the port to connect from."""
    address, port, *own = place
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    connection = socket.socket(family)
    connection.settimeout(3)
    if own:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        connection.bind((address, own[0]))
    connection.connect((address, port))
    return connection


def read_line(connection):
    text = b""
    while not text.endswith(b"\n"):
        data = connection.recv(4096)
        if not data:
            raise EOFError
        text += data
    return json.loads(text)


def main():
    held = None
    for line in sys.stdin:
        order = json.loads(line)
        try:
            if "visit" in order:
                with connect(order["visit"]) as connection:
                    answer = read_line(connection)
            elif "open" in order:
                held = connect(order["open"])
                answer = read_line(held)
            elif "say" in order:
                held.sendall(json.dumps(order["say"]).encode() + b"\n")
                answer = read_line(held)
            else:
                held.close()
                answer = True
        except OSError as error:
            answer = {"error": errno.errorcode.get(error.errno, str(error))}
        except EOFError:
            answer = {"error": "closed"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
