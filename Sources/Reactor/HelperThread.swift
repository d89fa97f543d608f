public import Basics
internal import CLinux
internal import Glibc

/// A thread for work that may block. It takes no signals, so that they all reach the loop; a write to a pipe
/// that nobody reads is an error there (EPIPE) and ends nothing.
public struct HelperThread: Sendable {
    fileprivate final class Work {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    private let handle: pthread_t
    private let ended: WakeUp

    /// Starts the thread.
    ///
    /// - Parameter name: what it is called where threads are shown, in 15 bytes; nil: as the process.
    /// - Throws: `SystemError` where the process may have no further thread (EAGAIN) or descriptor.
    public init(named name: String? = nil, _ run: @escaping @Sendable () -> Void) throws(SystemError) {
        let ended = try WakeUp()
        self.ended = ended
        // The new thread inherits the mask, so no signal can slip in before it sets one itself.
        var all = sigset_t()
        var former = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &former)
        defer { pthread_sigmask(SIG_SETMASK, &former, nil) }

        let work = Unmanaged.passRetained(
            Work {
                if let name { weir_name_thread(name) }
                run()
                ended.raise()
            }
        )
        var handle = pthread_t()
        let code = pthread_create(&handle, nil, helperThreadMain, work.toOpaque())
        if code != 0 {
            work.release()
            throw SystemError("start a thread", code: code)
        }
        self.handle = handle
    }

    /// Waits for the thread's end, and lets go of it either way; to be called once.
    ///
    /// - Returns: whether it ended in time.
    public func join(within limit: Interval) -> Bool {
        if ended.wait(within: limit) {
            pthread_join(handle, nil)
            return true
        }
        pthread_detach(handle)
        return false
    }
}

private func helperThreadMain(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context else { fatalError("a thread lost its work") }
    Unmanaged<HelperThread.Work>.fromOpaque(context).takeRetainedValue().run()
    return nil
}
