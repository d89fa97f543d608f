import ClientPolicy
import ProxyCore
import Telemetry
import Testing
import UpstreamPool

@Suite("Names of outcomes")
struct OutcomeNameTests {
    private func expectStable(_ names: [String]) {
        #expect(Set(names).count == names.count, "two of them share a name")
        for name in names {
            #expect(name.utf8.allSatisfy { $0 == UInt8(ascii: "_") || (97...122).contains($0) }, "\(name)")
        }
    }

    @Test("every cause has a name of its own, in lower case")
    func causes() { expectStable(Cause.allCases.map(\.name)) }

    @Test("every phase has a name of its own, in lower case")
    func phases() { expectStable(Phase.allCases.map(\.name)) }

    @Test("every refusal of the pool has a name of its own, in lower case")
    func refusals() { expectStable(Refusal.allCases.map(\.name)) }

    @Test("every reason to end a client connection has a name of its own, in lower case")
    func clientEnds() { expectStable(ClientEnd.allCases.map(\.name)) }

    @Test("every limit on a message has a name of its own, in lower case")
    func limits() { expectStable(Limit.allCases.map(\.name)) }

    @Test("each kind of origin has a name of its own")
    func kinds() { expectStable([OriginKind.http, .intercepted, .tunnel].map(\.name)) }
}
