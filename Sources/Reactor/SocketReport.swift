public import Basics

/// A state of TCP, by the kernel's number.
public enum TCPState: UInt8, CaseIterable, Hashable, Sendable {
    case established = 1
    case synSent, synReceived, finWait1, finWait2, timeWait, closed, closeWait, lastAck, listening, closing
    /// A SYN that came to a listener and has no socket of its own yet.
    case newSynReceived
    /// Bound to a port, and neither connected nor listening (Linux 6.8 and later).
    case bound
}

/// What a socket did and when, from the kernel's `tcp_info`.
public struct SocketActivity: Hashable, Sendable {
    /// Time since data was last sent, retransmissions included, in steps of the kernel's tick (1 to 10 ms);
    /// since the connection was opened where none was.
    public var sinceSent: Interval
    /// Time since data last came, likewise. A FIN is no data.
    public var sinceReceived: Interval
    /// Bytes that the far end acknowledged; the SYN is one.
    public var bytesAcknowledged: UInt64
    /// Bytes that came.
    public var bytesReceived: UInt64
    /// Segments with data that were sent, retransmissions included.
    public var segmentsSent: UInt32
    /// The smoothed round trip.
    public var roundTrip: Interval

    /// Puts together what was done and when.
    public init(
        sinceSent: Interval,
        sinceReceived: Interval,
        bytesAcknowledged: UInt64,
        bytesReceived: UInt64,
        segmentsSent: UInt32,
        roundTrip: Interval
    ) {
        self.sinceSent = sinceSent
        self.sinceReceived = sinceReceived
        self.bytesAcknowledged = bytesAcknowledged
        self.bytesReceived = bytesReceived
        self.segmentsSent = segmentsSent
        self.roundTrip = roundTrip
    }
}

/// What the kernel tells of a TCP socket of this host's, whoever has it open.
public struct SocketReport: Hashable, Sendable {
    /// The user who opened the socket, as seen in this process's user namespace (65534 where that does not
    /// know the user). Nil where nobody holds the socket any more: for TIME_WAIT, and for what was closed
    /// and is only being sent to its end.
    public var uid: UInt32?
    /// The number in `/proc/PID/fd` (`socket:[…]`); 0 where no process holds the socket.
    public var inode: UInt64
    /// The cgroup (version 2) that the socket was opened in; nil before Linux 5.8, where the kernel has no
    /// cgroups, and for TIME_WAIT.
    public var cgroup: UInt64?
    /// The state of the connection as this end sees it.
    public var state: TCPState
    /// Bytes that have come and were not read, a FIN counted as one; of a listener, connections not accepted.
    public var receiveQueue: Int
    /// Bytes written that the far end has not acknowledged; of a listener, its backlog.
    public var sendQueue: Int
    /// The socket's own number: no other socket gets it until the machine starts anew. 0 where none was told.
    public var cookie: UInt64
    /// What it did, where that was asked for and the state has it: not for TIME_WAIT.
    public var activity: SocketActivity?
}
