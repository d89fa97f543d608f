"""Counts of TCP sockets by netlink, for sampling: a fraction of what a run of `ss` costs, and no process."""

import collections
import socket
import struct

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLM_F_REQUEST_DUMP = 0x301
NLMSG_ERROR, NLMSG_DONE = 2, 3
ESTABLISHED, TIME_WAIT = 1, 6
#: Every state but LISTEN (10), as the kernel numbers them; 12 is a SYN that was answered.
STATES = 0x1FFE & ~(1 << 10)
#: struct inet_diag_req_v2: family, protocol, extensions, padding, states, and a socket id of 48 bytes.
REQUEST = struct.Struct("=BBBxI48x")
HEADER = struct.Struct("=IHHII")

#: What a hop holds: sockets that keep a port from others, those in TIME-WAIT, and the established among the first.
Held = collections.namedtuple("Held", "sockets time_wait established")


class SocketCounter:
    """Counts the dialling ends inside `namespace`."""

    def __init__(self, namespace):
        with namespace.entered():
            self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG)

    def close(self):
        self.socket.close()

    def held(self, hops):
        """By hop, which is a tuple of the ports dialled. Java dials IPv4 from IPv6 sockets, so both
        families are asked."""
        counts = collections.Counter(self._dump(socket.AF_INET))
        counts.update(self._dump(socket.AF_INET6))
        found = {}
        for hop in hops:
            states = collections.Counter()
            for (state, port), count in counts.items():
                if port in hop:
                    states[state] += count
            found[hop] = Held(states.total() - states[TIME_WAIT], states[TIME_WAIT], states[ESTABLISHED])
        return found

    def _dump(self, family):
        """(state, port dialled) of every socket of `family`."""
        body = REQUEST.pack(family, socket.IPPROTO_TCP, 0, STATES)
        self.socket.send(HEADER.pack(HEADER.size + len(body), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST_DUMP, 1, 0)
                         + body)
        while True:
            data = self.socket.recv(1 << 18)
            offset = 0
            while offset < len(data):
                length, kind = struct.unpack_from("=IH", data, offset)
                if kind == NLMSG_DONE:
                    return
                if kind == NLMSG_ERROR:
                    raise OSError(-struct.unpack_from("=i", data, offset + HEADER.size)[0], "sock_diag")
                message = offset + HEADER.size
                yield data[message + 1], int.from_bytes(data[message + 6:message + 8], "big")
                offset += length + 3 & ~3
