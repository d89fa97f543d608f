import Basics
import Testing

@testable import ClientPolicy

/// What one connection is, in a model that keeps no lists.
private struct ModelMember {
    var id: SlotID
    var owner: SlotID
    var destination: UInt64
    var isTunnel: Bool
    var isProven = false
    /// The order in which it fell quiet, or stalled; nil where it did not.
    var quiet: Int?
    var stall: Int?
}

/// Random sequences against a plain model; the invariants are checked after each step.
@Suite("Destination policy: sequences")
struct DestinationModelTests {
    private struct Pair {
        var driver = DestinationDriver(maxAbsent: 3)
        var members: [ModelMember] = []
        var random: RandomSource
        private var counter = 0

        init(seed: UInt64) { random = RandomSource(seed: seed) }

        mutating func take() {
            counter += 1
            driver.pass(.milliseconds(random.below(300)))
            if members.count < 2 || random.oneIn(4) { return join() }
            let index = random.below(members.count)
            let id = members[index].id
            switch random.below(8) {
            case 0:
                driver.leave(id)
                members.remove(at: index)
            case 1,
                2 where members[index].isTunnel:
                driver.becomeQuiet(id)
                members[index].quiet = counter
            case 3:
                driver.leaveQuiet(id)
                members[index].quiet = nil
            case 4 where members[index].isTunnel:
                driver.prove(id)
                members[index].isProven = true
            case 5:
                driver.stall(id)
                if members[index].stall == nil { members[index].stall = counter }
            case 6:
                driver.resume(id)
                members[index].stall = nil
            default:
                driver.lieQuiet(id)
            }
        }

        private mutating func join() {
            let owner = random.oneIn(2) ? DestinationDriver.app : DestinationDriver.neighbour
            let destination = UInt64(random.below(4))
            let isTunnel = !random.oneIn(3)
            let id = driver.join(destination, owner: owner, isTunnel: isTunnel)
            members.append(
                ModelMember(id: id, owner: owner, destination: destination, isTunnel: isTunnel)
            )
        }

        func check() {
            let policy = driver.policy
            #expect(policy.quiet == members.count { $0.quiet != nil })
            #expect(policy.stalled == members.count { $0.stall != nil })
            for member in members {
                let isSuspect = member.quiet != nil && !member.isProven
                #expect(policy.isSuspect(member.id) == isSuspect)
                #expect(policy.isProven(member.id) == member.isProven)
                #expect(policy.isStalled(member.id) == (member.stall != nil))
                checkSurplus(member)
                checkStalled(member)
            }
        }

        private func checkSurplus(_ member: ModelMember) {
            let quiet = members.filter {
                $0.owner == member.owner && $0.destination == member.destination && $0.quiet != nil
                    && !$0.isProven
            }.sorted { ($0.quiet ?? 0) < ($1.quiet ?? 0) }
            for budget in 0..<3 {
                let expected = quiet.count > budget ? quiet.first?.id : nil
                #expect(driver.surplus(member.id, budget: budget) == expected)
            }
        }

        private func checkStalled(_ member: ModelMember) {
            let mine = members.filter { $0.owner == member.owner && $0.stall != nil }
            for budget in 0..<3 {
                guard let victim = driver.policy.stalledSurplus(of: member.owner, budget: budget) else {
                    #expect(mine.count <= budget)
                    continue
                }
                guard let goes = mine.first(where: { $0.id == victim }) else {
                    Issue.record("another owner's")
                    continue
                }
                #expect(mine.count > budget)
                let there = mine.filter { $0.destination == goes.destination }
                let most = Dictionary(grouping: mine, by: \.destination).values.map(\.count).max()
                #expect(there.count == most, "where most are")
                #expect(there.allSatisfy { ($0.stall ?? 0) >= (goes.stall ?? 0) }, "the longest")
            }
        }
    }

    @Test("random comings, words and silences agree with a plain model", arguments: UInt64(0)..<12)
    func random(seed: UInt64) {
        var pair = Pair(seed: seed)
        for _ in 0..<600 {
            pair.take()
            pair.check()
        }
        for member in pair.members { pair.driver.leave(member.id) }
        #expect(pair.driver.policy.quiet == 0 && pair.driver.policy.stalled == 0)
        #expect(pair.driver.policy.reports().count <= 3)
    }
}
