import Basics
import Testing

@testable import UpstreamPool

@Suite("Origin table") struct OriginTableTests {
    private struct Key: Hashable {
        var kind: OriginKind
        var host: [UInt8]
        var port: UInt16
        var name: [UInt8] = []
    }

    private func intern(_ table: inout OriginTable, _ key: Key) -> OriginID {
        table.intern(key.kind, host: key.host.span, port: key.port, name: key.name.span)
    }

    @Test("an origin is found again by kind, host in any case, and port; each of them tells apart")
    func identity() {
        var table = OriginTable(seed: 3)
        let plain = Key(kind: .http, host: Array("example.org".utf8), port: 80)
        let id = intern(&table, plain)
        #expect(intern(&table, Key(kind: .http, host: Array("EXAMPLE.org".utf8), port: 80)) == id)
        #expect(table[id].host == plain.host)
        let others = [
            Key(kind: .tunnel, host: plain.host, port: 80), Key(kind: .http, host: plain.host, port: 81),
            Key(kind: .http, host: Array("example.or".utf8), port: 80), Key(kind: .http, host: [], port: 80),
        ]
        let ids = others.map { intern(&table, $0) }
        #expect(Set(ids + [id]).count == 5 && table.count == 5)
        table.remove(id)
        #expect(intern(&table, plain) != id, "a forgotten origin's id names nobody any more")
        #expect(others.map { intern(&table, $0) } == ids)
    }

    @Test("two Hosts at one intercepted address are two origins, in any case of letters one")
    func names() {
        var table = OriginTable(seed: 3)
        let address = Array("192.0.2.7".utf8)
        let ids = ["a.example", "b.example", "", "a.exampl"].map { name in
            intern(&table, Key(kind: .intercepted, host: address, port: 80, name: Array(name.utf8)))
        }
        #expect(Set(ids).count == 4)
        let again = Key(kind: .intercepted, host: address, port: 80, name: Array("A.Example".utf8))
        #expect(intern(&table, again) == ids[0])
        // What ends the one and begins the other is not the same, though the bytes are.
        let shifted = Key(
            kind: .intercepted,
            host: Array("192.0.2.7a".utf8),
            port: 80,
            name: Array(".example".utf8)
        )
        #expect(intern(&table, shifted) != ids[0])
        #expect(table[intern(&table, shifted)].hash != table[ids[0]].hash)
    }

    /// Kind and first byte of the host meet in the same byte of the hash: these two are equal in all 64 bits.
    @Test("origins whose hashes are equal are told apart, in any order of removal")
    func equalHashes() {
        let first = Key(kind: .http, host: Array("r.example".utf8), port: 443)
        let second = Key(kind: .tunnel, host: Array("n.example".utf8), port: 443)
        for seed: UInt64 in 0..<50 {
            for removesFirst in [true, false] {
                var table = OriginTable(seed: seed)
                let ids = [intern(&table, first), intern(&table, second)]
                #expect(ids[0] != ids[1] && table[ids[0]].hash == table[ids[1]].hash)
                table.remove(removesFirst ? ids[0] : ids[1])
                #expect(intern(&table, removesFirst ? second : first) == (removesFirst ? ids[1] : ids[0]))
                #expect(table.count == 1)
            }
        }
    }

    @Test("random additions and removals agree with a dictionary", arguments: UInt64(0)..<12)
    func random(seed: UInt64) {
        var random = RandomSource(seed: seed)
        var table = OriginTable(seed: seed)
        var model: [Key: OriginID] = [:]
        // Few enough that the first buckets are half full, so that runs form, wrap and are torn.
        let count = seed % 2 == 0 ? 12 : 300
        let universe = (0..<count).map { (number: Int) -> Key in
            let kind: OriginKind = number % 3 == 0 ? .tunnel : .http
            return Key(kind: kind, host: Array("h\(number / 3)".utf8), port: UInt16(80 + number % 2))
        }
        var everSeen: Set<OriginID> = []
        for _ in 0..<3000 {
            let key = universe[random.below(universe.count)]
            if let id = model[key], random.oneIn(2) {
                table.remove(id)
                model[key] = nil
            } else {
                let known = model[key]
                // With at most 7 the table never grows beyond its first 16 buckets.
                if known == nil && universe.count == 12 && model.count >= 7 { continue }
                let id = intern(&table, key)
                if let known { #expect(known == id) } else { #expect(everSeen.insert(id).inserted) }
                model[key] = id
            }
            #expect(table.count == model.count)
        }
        for (key, id) in model { #expect(intern(&table, key) == id) }
        #expect(table.count == model.count)
        for id in model.values { table.remove(id) }
        #expect(table.count == 0)
    }

    @Test("thousands of origins come and go through a pool without a trace")
    func throughThePool() throws {
        var pool = UpstreamPool(limits: PoolLimits(), seed: 5)
        var waiters: [SlotID] = []
        for number in 0..<1000 {
            let waiter = SlotID(slot: UInt32(number), generation: 1)
            let host = Array("host-\(number)".utf8)
            #expect(
                pool.acquire(.http, host: host.span, port: 80, for: waiter, need: .any, now: .zero)
                    == .waiting
            )
            waiters.append(waiter)
        }
        #expect(pool.originCount == 1000)
        for effect in pool.effects {
            if case .dial(let id, _) = effect { pool.dialFailed(id, isPressure: false, now: .zero) }
        }
        pool.checkInvariants()
        #expect(pool.originCount == 0 && pool.waiting == 0 && pool.connectionCount == 0)
    }
}
