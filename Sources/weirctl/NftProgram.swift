import Basics
import Reactor
import Redirection

/// nft(8): puts rules into the kernel, and tells of them.
struct NftProgram {
    private static let timeout = Interval.seconds(10)
    static let lacksPrivilege = RedirectionError(
        "this needs CAP_NET_ADMIN: run it as root, or with that capability as an ambient one"
    )

    private let path: String

    /// - Throws: where nft is not installed.
    init() throws(RedirectionError) {
        guard let path = ChildProcess.find("nft") else {
            throw RedirectionError(
                "nft is not installed; on Debian and Ubuntu it comes with the package nftables"
            )
        }
        self.path = path
    }

    /// Carries out a text of commands, all or none.
    func load(_ text: String) throws(RedirectionError) {
        _ = try run(["-f", "-"], input: Array(text.utf8))
    }

    /// The names of all tables of family `inet`.
    func tables() throws(RedirectionError) -> [String] {
        try NftListing.read(run(["-j", "list", "tables", "inet"])).tables
    }

    /// The redirections that are there.
    func redirections() throws(RedirectionError) -> [Redirected] {
        var found: [Redirected] = []
        for name in try tables().compactMap(TableName.init(table:)) {
            if let one = try redirection(name) { found.append(one) }
        }
        return found.sorted { $0.name.table < $1.name.table }
    }

    /// What the table of a name does; nil where there is none, or it is somebody else's.
    func redirection(_ name: TableName) throws(RedirectionError) -> Redirected? {
        let result = try attempt(["-j", "list", "table", "inet", name.table])
        // Gone since it was listed, or never there.
        if result.status != 0 && NftProgram.reason(result).contains("No such file or directory") {
            return nil
        }
        return try NftListing.read(NftProgram.output(of: result)).redirection(name)
    }

    private func run(_ arguments: [String], input: [UInt8] = []) throws(RedirectionError) -> [UInt8] {
        try NftProgram.output(of: attempt(arguments, input: input))
    }

    private func attempt(_ arguments: [String], input: [UInt8] = []) throws(RedirectionError) -> ChildResult {
        do throws(SystemError) {
            return try ChildProcess.run(path, arguments, input: input, timeout: NftProgram.timeout)
        } catch {
            throw RedirectionError("nft: \(error)")
        }
    }

    static func output(of result: ChildResult) throws(RedirectionError) -> [UInt8] {
        if result.status == 0 { return result.output }
        let reason = reason(result)
        if reason.contains("Operation not permitted") { throw lacksPrivilege }
        throw RedirectionError("nft refused: \(Printable.text(reason))")
    }

    /// The first line of a complaint, without the place in a text that nobody has seen.
    static func reason(_ result: ChildResult) -> String {
        let lines = String(decoding: result.errors.prefix(4096), as: UTF8.self).split(separator: "\n")
        guard let line = lines.first(where: { $0.contains("Error: ") }) ?? lines.first else {
            return "exit status \(result.status)"
        }
        let words = line.split(separator: "Error: ", maxSplits: 1)
        return String(words.last ?? line)
    }
}
