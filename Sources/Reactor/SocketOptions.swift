public import Basics
internal import CLibevent
internal import Glibc

/// What the kernel knows of a connection's far end.
public struct TCPHealth: Hashable, Sendable {
    /// The kernel's TCP state: 1 is ESTABLISHED, 2 SYN_SENT, 8 CLOSE_WAIT.
    public var state: UInt8
    /// Segments sent that the peer has not acknowledged.
    public var unacknowledged: UInt32
    /// Time since the peer last acknowledged anything, in steps of the kernel's tick (1 to 10 ms).
    public var sinceAcknowledgement: Interval
    /// Time since data was last sent, retransmissions included.
    public var sinceSend: Interval
    /// Bytes taken from us that were not yet sent even once.
    public var unsentBytes: UInt32
}

extension Sockets {
    /// Has the kernel look for dead peers: after `idle` without a segment, every `interval`, giving up after
    /// `count` unanswered probes. Whole seconds, rounded up into the kernel's range of 1 to 32767 (count: 1
    /// to 127).
    public static func setKeepalive(_ descriptor: Int32, idle: Interval, interval: Interval, count: Int) {
        let tcp = Int32(IPPROTO_TCP)
        setOption(descriptor, tcp, TCP_KEEPIDLE, wholeSeconds(idle))
        setOption(descriptor, tcp, TCP_KEEPINTVL, wholeSeconds(interval))
        setOption(descriptor, tcp, TCP_KEEPCNT, Int32(min(max(count, 1), 127)))
        setOption(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1)
    }

    /// How long sent bytes may stay unacknowledged (or unsent before a closed window) until the kernel ends
    /// the connection with ETIMEDOUT, in whole milliseconds; zero or `unlimited` leaves it to the kernel.
    public static func setUserTimeout(_ descriptor: Int32, _ timeout: Interval) {
        let milliseconds = timeout.isUnlimited ? 0 : min(timeout.inMilliseconds, Int64(Int32.max))
        setOption(descriptor, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, Int32(milliseconds))
    }

    /// Whether the far end still acknowledges, however slow it is to answer; nil where the socket is not TCP.
    public static func unacknowledged(_ descriptor: Int32) -> TCPHealth? {
        var info = weir_tcp_info()
        var length = socklen_t(MemoryLayout<weir_tcp_info>.size)
        let code = SystemCall.perform("getsockopt") {
            getsockopt(descriptor, Int32(IPPROTO_TCP), TCP_INFO, &info, &length)
        }
        if code != 0 { return nil }
        return TCPHealth(
            state: info.state,
            unacknowledged: info.unacknowledged,
            sinceAcknowledgement: .milliseconds(Int(info.since_ack_received)),
            sinceSend: .milliseconds(Int(info.since_data_sent)),
            unsentBytes: info.unsent_bytes
        )
    }

    /// Sends an acknowledgement that the kernel delays (TCP_QUICKACK, tcp(7)); later ones are delayed as before.
    public static func acknowledge(_ descriptor: Int32) {
        setOption(descriptor, Int32(IPPROTO_TCP), TCP_QUICKACK, 1)
    }

    /// Messages go out when they are written: whole heads are gathered here, not by the kernel.
    static func setNoDelay(_ descriptor: Int32) {
        setOption(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
    }

    /// Sets a whole-number option. A refusal leaves the kernel's default and is not reported: the values are
    /// in range, so only a socket of another kind refuses (EOPNOTSUPP, ENOPROTOOPT).
    static func setOption(_ descriptor: Int32, _ level: Int32, _ name: Int32, _ value: Int32) {
        var value = value
        let length = socklen_t(MemoryLayout<Int32>.size)
        _ = SystemCall.perform("setsockopt") { setsockopt(descriptor, level, name, &value, length) }
    }

    private static func wholeSeconds(_ interval: Interval) -> Int32 {
        let seconds = interval.nanoseconds / 1_000_000_000
        let roundedUp = interval.nanoseconds % 1_000_000_000 == 0 ? seconds : seconds + 1
        return Int32(min(max(roundedUp, 1), 32767))
    }
}
