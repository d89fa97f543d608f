import Basics
import ProxyCore
import Testing

@testable import ClientPolicy

/// Leaky and healthy apps before one engine; what the tests of leaks share.
struct LeakScene {
    /// The leaking app, and one beside it.
    static let leaker: UInt64 = 1
    static let neighbour: UInt64 = 2
    /// A leak of ten connections a second is found with this one: 15 were seen to lie idle for a second, and 11
    /// were opened beside sixteen others.
    static let found = 27

    let shell: EngineHarness

    /// A client with one exchange behind it. The answer is still to be taken.
    func serve(_ owner: UInt64 = LeakScene.leaker) throws -> HarnessPeer {
        let client = try shell.client(owner: owner)
        try ask(client)
        return client
    }

    /// An exchange on a connection that stands.
    func ask(_ client: HarnessPeer) throws {
        let before = shell.dials.count
        shell.send(client, get())
        if shell.dials.count > before {
            shell.send(try shell.dialled(at: before), ok())
        } else {
            let origin = try #require(shell.lastReceiver, "nobody was asked")
            shell.send(origin, ok())
        }
    }

    /// Whether the last answer announced the close.
    func announcesClose(_ client: HarnessPeer) -> Bool {
        let answer = client.take()
        #expect(answer.hasPrefix("HTTP/1.1 200 "))
        return answer.contains("\r\nConnection: close\r\n")
    }

    /// Opens ten connections a second and leaves them lying after their exchange.
    @discardableResult
    func leak(_ count: Int = LeakScene.found, _ owner: UInt64 = LeakScene.leaker) throws -> [HarnessPeer] {
        try (0..<count).map { index in
            if index > 0 { shell.advance(.milliseconds(100)) }
            return try serve(owner)
        }
    }

    /// Opens ten tunnels a second and leaves them lying after their exchange.
    @discardableResult
    func leakTunnels(
        _ count: Int = LeakScene.found,
        _ owner: UInt64 = LeakScene.leaker
    ) throws -> [(client: HarnessPeer, origin: HarnessPeer)] {
        try (0..<count).map { index in
            if index > 0 { shell.advance(.milliseconds(100)) }
            let pair = try shell.tunnel(owner: owner)
            talk(pair)
            return pair
        }
    }

    /// One question and its answer: from here on the tunnel is quiet.
    func talk(_ pair: (client: HarnessPeer, origin: HarnessPeer)) {
        shell.send(pair.client, "question")
        shell.send(pair.origin, "answer")
        _ = pair.client.take()
        _ = pair.origin.take()
    }

    /// Evidence in the windows of all owners.
    var evidence: Int {
        let owners = shell.engine.policy.ownerReports().map(\.owner)
        return owners.reduce(0) { $0 + shell.engine.policy.owners[$1].ledger.evidenceCount }
    }

    /// The verdicts on owners that were told, in order.
    var ownerVerdicts: [Verdict] {
        shell.verdicts.compactMap { if case .owner(let change) = $0 { change.verdict } else { nil } }
    }

    /// The verdicts on owners' destinations that were told, in order.
    var destinationVerdicts: [Verdict] {
        shell.verdicts.compactMap { if case .destination(let change) = $0 { change.verdict } else { nil } }
    }
}

/// Runs a test against an engine before which apps leak.
func withLeak(
    _ change: (inout EngineConfiguration) -> Void = { _ in },
    at location: SourceLocation = #_sourceLocation,
    _ body: (LeakScene) throws -> Void
) throws {
    try withProxy(change, at: location) { try body(LeakScene(shell: $0)) }
}
