import ClientPolicy
import ProxySimulation
import Testing

@Suite("The verdict on a population of apps")
struct OwnerPopulationTests {
    private static let apps = UInt64(0)..<60

    @Test("no healthy app is called leaking", arguments: AppKind.allCases.filter { !$0.isLeaky })
    func healthy(kind: AppKind) {
        for seed in OwnerPopulationTests.apps {
            let outcome = AppRun.play(kind, seed: seed)
            #expect(!outcome.wasLeaking, "seed \(seed): \(outcome)")
        }
    }

    @Test("each leak is found", arguments: AppKind.allCases.filter(\.isLeaky))
    func leaky(kind: AppKind) {
        for seed in OwnerPopulationTests.apps {
            let outcome = AppRun.play(kind, seed: seed)
            #expect(outcome.wasLeaking || outcome.mostParked <= kind.unnoticed, "seed \(seed): \(outcome)")
        }
    }

    @Test("an app that closes each connection is called churning")
    func churning() {
        for seed in OwnerPopulationTests.apps {
            #expect(AppRun.play(.churning, seed: seed).verdict == .churning)
        }
    }
}
