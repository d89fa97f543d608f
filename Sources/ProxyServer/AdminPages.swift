import Basics

/// What the admin server shows; it knows nothing of the proxy itself.
protocol AdminPages: AnyObject {
    /// Whether the process is stopping, so that nobody should send it new work.
    var isDraining: Bool { get }
    /// Appends `/metrics`.
    func writeMetrics(to buffer: inout ByteBuffer)
    /// Appends `/status`.
    func writeStatus(to buffer: inout ByteBuffer)
    /// Appends `/leaks`.
    func writeLeaks(to buffer: inout ByteBuffer)
    /// Appends `/overview`.
    func writeOverview(to buffer: inout ByteBuffer)
    /// Appends `/history`.
    func writeHistory(to buffer: inout ByteBuffer)
    /// Carries out an order; returns a status and one line that says what became of it.
    func perform(_ order: AdminOrder) -> (status: UInt16, text: String)
}
