import ArgumentParser
import FoundationEssentials
import Glibc
import Reactor
import Redirection

// What is done with redirections that are there.

extension RedirectCommand {
    /// `weirctl redirect down`
    struct Down: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Takes redirections back: that of a name, or all.",
            discussion:
                "Connections that are open stay as they are. It is no error if there is nothing to take back."
        )

        @Option(help: ArgumentHelp("Only the redirection of this name.", valueName: "name"))
        var name: String?

        func run() throws {
            try RedirectCommand.attempt { () throws(RedirectionError) in
                let nft = try NftProgram()
                let found = try RedirectCommand.redirections(nft, name)
                for one in found {
                    Self.askToEnd(one, nft)
                    let open = try OpenConnections(nft: nft).remove(one.name, ports: one.ports)
                    StandardStream.output.write("taken back: \(one.name.name)\n")
                    if !open.isEmpty {
                        StandardStream.output.write("connections that are open go on through weir\n")
                    }
                }
                try OpenConnections(nft: nft).sweep()
                if found.isEmpty { StandardStream.output.write("nothing is redirected\n") }
            }
        }

        /// The keeper would find its table gone and think that a stranger had removed it. It may live on for
        /// connections that are open; so the table is waited for.
        private static func askToEnd(_ one: Redirected, _ nft: NftProgram) {
            guard let holder = one.holder, ProcessHandle.identity(of: holder)?.command == "weirctl",
                let handle = ProcessHandle(holder), handle.askToEnd() == 0
            else { return }
            for _ in 0..<60 where !handle.wait(milliseconds: 50) {
                if (try? nft.redirection(one.name)) == .some(nil) { return }
            }
        }
    }

    /// `weirctl redirect confirm`
    struct Confirm: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Keeps what --rollback-after would take back.",
            discussion: "Exits with 1 where nothing waits to be confirmed."
        )

        @Option(help: ArgumentHelp("Only the redirection of this name.", valueName: "name"))
        var name: String?

        func run() throws {
            try RedirectCommand.attempt { () throws(RedirectionError) in
                let nft = try NftProgram()
                let waiting = try RedirectCommand.redirections(nft, name).filter {
                    $0.secondsToConfirm != nil
                }
                if waiting.isEmpty { throw RedirectionError("nothing waits to be confirmed") }
                for one in waiting {
                    try nft.load(Lease.confirm(one.name))
                    StandardStream.output.write("confirmed: \(one.name.name)\n")
                }
            }
        }
    }

    /// `weirctl redirect show`
    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows what is redirected, and how many connections were.",
            discussion: "Exits with 1 where the rules cannot be read."
        )

        @OptionGroup var weir: AdminOptions

        @Flag(help: "Print JSON.")
        var json = false

        func run() throws {
            try RedirectCommand.attempt { () throws(RedirectionError) in
                let found = try NftProgram().redirections()
                var refusal: String?
                do throws(RedirectionError) { _ = try weir.inquiry().find() } catch {
                    refusal = error.description
                }
                let page = RedirectPage(found, refusal: refusal, now: Int(time(nil)))
                StandardStream.output.write(json ? page.json : page.text)
            }
        }
    }

    /// The redirections that are there: that of a name, or all.
    private static func redirections(_ nft: NftProgram, _ name: String?) throws(RedirectionError)
        -> [Redirected]
    {
        guard let name else { return try nft.redirections() }
        return try nft.redirection(TableName(name)).map { [$0] } ?? []
    }
}
