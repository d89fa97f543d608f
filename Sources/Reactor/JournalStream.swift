internal import Glibc

/// The stream by which systemd takes a service's output into its journal, where a line may begin with `<priority>`.
public enum JournalStream {
    /// Whether `descriptor` is that stream: `$JOURNAL_STREAM` holds its device and inode, and is inherited even where
    /// the descriptor has been redirected.
    public static func isConnected(to descriptor: Int32) -> Bool {
        guard let variable = getenv("JOURNAL_STREAM") else { return false }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return false }
        return String(cString: variable) == "\(status.st_dev):\(status.st_ino)"
    }
}
