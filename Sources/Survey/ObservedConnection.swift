public import Basics
public import Dialling

/// Who holds a connection, by the numbers that the kernel tells.
public struct ConnectionOwner: Hashable, Sendable {
    /// The user who opened it.
    public var uid: UInt32
    /// The control group that it was opened in; nil where the kernel tells none.
    public var cgroup: UInt64?

    /// Puts both together.
    public init(uid: UInt32, cgroup: UInt64?) {
        self.uid = uid
        self.cgroup = cgroup
    }
}

/// How far a connection is in its life, as the end that dialled it sees it.
public enum ConnectionPhase: UInt8, Hashable, Sendable, CaseIterable {
    /// The far end has not answered yet.
    case opening
    /// Both ends may speak.
    case established
    /// The far end has ended its half and the app has not (CLOSE_WAIT).
    case peerClosed
    /// The app has closed it.
    case closing
    /// Gone, but its port is kept for a while.
    case timeWait
}

/// A TCP connection of this host's as one look at it shows it, from the end that dialled it.
public struct ObservedConnection: Hashable, Sendable {
    /// The kernel's number of the socket, which no other one gets.
    public var id: UInt64
    /// Nil where nobody holds it any more.
    public var owner: ConnectionOwner?
    /// The number in `/proc/PID/fd`; 0 where no process holds it.
    public var inode: UInt64 = 0
    /// Its own end.
    public var from: Endpoint
    /// The far end.
    public var to: Endpoint
    /// How far it is.
    public var phase: ConnectionPhase
    /// Bytes that have come and that the app has not read.
    public var unread = 0
    /// Bytes that the far end has not acknowledged.
    public var unsent = 0
    /// Time since the app last sent data; since the connection opened where it never did.
    public var sinceSent = Interval.zero
    /// Time since data last came.
    public var sinceReceived = Interval.zero
    /// Bytes that the far end acknowledged.
    public var bytesSent: UInt64 = 0
    /// Bytes that came.
    public var bytesReceived: UInt64 = 0
    /// Segments with data that the app sent.
    public var segmentsSent: UInt32 = 0
    /// The time that a segment takes there and its acknowledgement back.
    public var roundTrip = Interval.zero

    /// A connection that nothing is known of but its ends; the rest is set afterwards.
    public init(
        id: UInt64,
        owner: ConnectionOwner?,
        from: Endpoint,
        to: Endpoint,
        phase: ConnectionPhase
    ) {
        self.id = id
        self.owner = owner
        self.from = from
        self.to = to
        self.phase = phase
    }

    /// Since when no data has moved.
    public var idle: Interval { min(sinceSent, sinceReceived) }

    /// Whether bytes wait at either end, to be read or to be acknowledged.
    public var hasQueue: Bool { unread > 0 || unsent > 0 }

    /// Whether the last bytes are the app's, so that an answer is awaited, however long it takes. The kernel
    /// counts in ticks of some milliseconds: what was sent and came in the same tick does not tell.
    public var isAwaiting: Bool { phase == .established && (sinceSent < sinceReceived || bytesReceived == 0) }

    /// Whether the last bytes are the far end's, and nothing is under way: the state of a leaked connection,
    /// and of an idle one.
    public var isQuiet: Bool {
        switch phase {
        case .established: !hasQueue && !isAwaiting
        // Nothing can come any more, so nothing is awaited.
        case .peerClosed: !hasQueue
        case .opening, .closing, .timeWait: false
        }
    }

    /// Whether the app sent no more than one exchange takes, a TLS handshake before it included.
    public var isShort: Bool { segmentsSent <= 4 }

    /// Whether the last bytes came so soon after the app's that they need not be an answer: under TLS the
    /// far end's session tickets answer the handshake, behind which a request may have gone out already.
    public var isAnswerUnsure: Bool {
        let leeway = roundTrip.scaled(by: 2, over: 1) + .milliseconds(50)
        return sinceReceived + leeway >= sinceSent
    }
}

extension Interval {
    /// The sum, saturating.
    static func + (left: Interval, right: Interval) -> Interval {
        let (sum, overflow) = left.nanoseconds.addingReportingOverflow(right.nanoseconds)
        return overflow ? .unlimited : Interval(nanoseconds: sum)
    }
}
