internal import Glibc

/// Descriptors 0 to 2, which whoever starts the process may have closed.
public enum StandardStreams {
    /// Puts /dev/null in place of those that are missing: otherwise the next socket would take the number,
    /// and log lines would be sent to a client.
    public static func ensureOpen() {
        for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] {
            if fcntl(descriptor, F_GETFD) >= 0 || errno != EBADF { continue }
            // The lowest free number is the one that is missing.
            _ = open("/dev/null", O_RDWR)
        }
    }
}
