internal import CLinux
internal import Glibc

/// Changes sets of nftables without a process for each change: microseconds instead of milliseconds. Takes
/// CAP_NET_ADMIN.
public final class NetfilterSets {
    private let descriptor: Int32

    /// - Throws: `SystemError` where there is no descriptor to be had, or the kernel or a sandbox has no such
    ///   sockets.
    public init() throws(SystemError) {
        descriptor = socket(AF_NETLINK, Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue), NETLINK_NETFILTER)
        if descriptor < 0 { throw SystemError("open a socket to netfilter", code: errno) }
        // Answers are there before the call that asks has returned; this is for a kernel that loses one.
        var limit = timeval(tv_sec: 1, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { Sockets.close(descriptor) }

    /// Puts elements in place of all that a set of a table of family `inet` has, in one transaction.
    ///
    /// - Returns: 0, or the `errno` with which nothing was changed: ENOENT where there is no such table or set,
    ///   EPERM without the privilege.
    public func replace(_ set: String, of table: String, by elements: [NetfilterElement]) -> Int32 {
        let bytes = NetfilterMessage.replacing(set, of: table, by: elements).bytes
        let outcome = SystemCall.attempt("send") { send(descriptor, bytes, bytes.count, 0) }
        if case .failed(let code) = outcome { return code }
        if case .wouldBlock = outcome { return EAGAIN }
        return answer(steps: elements.isEmpty ? 1 : 2)
    }

    /// The first error of the transaction, or 0 once every step is acknowledged.
    private func answer(steps: Int) -> Int32 {
        var left = steps
        var room = [UInt8](repeating: 0, count: 8192)
        while left > 0 {
            let outcome = SystemCall.attempt("recv") { recv(descriptor, &room, room.count, 0) }
            guard case .value(let count) = outcome else {
                if case .failed(let code) = outcome { return code }
                return ETIMEDOUT
            }
            var code: Int32 = 0
            room.withUnsafeBytes { bytes in
                var offset = 0
                while let message = DiagnosticMessage.next(
                    in: UnsafeRawBufferPointer(rebasing: bytes[..<count]).bytes,
                    at: &offset
                ) {
                    guard case .end(let told) = message.message else { continue }
                    left -= 1
                    if code == 0 { code = told }
                }
            }
            if code != 0 {
                drain()
                return code
            }
        }
        return 0
    }

    /// An error of one step does not keep the kernel from telling of the others; they are no news.
    private func drain() {
        var room = [UInt8](repeating: 0, count: 8192)
        for _ in 0..<16 where recv(descriptor, &room, room.count, Int32(MSG_DONTWAIT)) <= 0 {
            return
        }
    }
}
