import Basics

/// What the admin server shows; it knows nothing of the proxy itself. Answers may come later, in any order, as several
/// threads are asked for them.
protocol AdminPages: AnyObject {
    /// Whether the process is stopping, so that nobody should send it new work.
    var isDraining: Bool { get }
    /// Tells the content of a page of figures; nil where it cannot be had.
    func show(_ page: AdminFigures, _ then: @escaping (ByteBuffer?) -> Void)
    /// Carries out an order; tells a status and one line that says what became of it.
    func perform(_ order: AdminOrder, _ then: @escaping (_ status: UInt16, _ text: String) -> Void)
}

/// The pages that say how the proxy is doing.
enum AdminFigures {
    case metrics, status, leaks, overview, history
}
