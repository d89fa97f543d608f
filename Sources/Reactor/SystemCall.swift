internal import Glibc

/// The one policy for what system calls answer: an interrupted call is made again, "would block" is a
/// value, and an error that only a bug of ours can cause ends the process.
enum SystemCall {
    /// What a call answered.
    enum Outcome {
        /// Success and the call's own result, never negative.
        case value(Int)
        /// Nothing to be had now; readiness will tell.
        case wouldBlock
        /// An expected failure of the world outside: its `errno`.
        case failed(Int32)
    }

    /// Makes a call that follows the convention "-1 and `errno`".
    @inline(__always)
    static func attempt(_ operation: StaticString, _ call: () -> Int) -> Outcome {
        while true {
            let result = call()
            if result >= 0 { return .value(result) }
            let code = errno
            if code == EINTR { continue }
            // EWOULDBLOCK is the same number on Linux.
            if code == EAGAIN { return .wouldBlock }
            crashIfOurs(operation, code)
            return .failed(code)
        }
    }

    /// The same for calls that have no "would block": 0 or the `errno`.
    @inline(__always)
    static func perform(_ operation: StaticString, _ call: () -> Int32) -> Int32 {
        switch attempt(operation, { Int(call()) }) {
        case .value: 0
        case .wouldBlock: EAGAIN
        case .failed(let code): code
        }
    }

    /// A descriptor that is not open, not a socket, or a bad pointer: going on would mean to read from,
    /// write to or close a descriptor that belongs to somebody else.
    private static func crashIfOurs(_ operation: StaticString, _ code: Int32) {
        if code == EBADF || code == EFAULT || code == ENOTSOCK {
            fatalError("\(operation): \(SystemError.text(of: code))")
        }
    }
}
