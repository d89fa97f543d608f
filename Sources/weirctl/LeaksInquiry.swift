/// Asks for `/leaks` until weir knows the processes too: it looks them up only once somebody asks.
struct LeaksInquiry {
    /// How often to ask again.
    static let repetitions = 5
    /// How long to wait before that.
    static let pause = Duration.milliseconds(200)

    /// The page as weir sends it.
    let content: [UInt8]
    /// What it says.
    let report: LeaksReport

    /// Asks, and asks again; the last answer counts even if processes are pending still.
    init(
        get: () throws(AdminError) -> [UInt8],
        wait: (Duration) -> Void
    ) throws(AdminError) {
        var content = try get()
        var report = try LeaksReport.read(content)
        for _ in 0..<Self.repetitions where report.processesPending {
            wait(Self.pause)
            content = try get()
            report = try LeaksReport.read(content)
        }
        self.content = content
        self.report = report
    }
}
