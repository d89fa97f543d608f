import Basics
import Testing

@Suite struct TimeTests {
    @Test("instants and intervals saturate instead of overflowing")
    func arithmetic() {
        let second = Interval.seconds(1)
        #expect(second == .milliseconds(1_000) && second.inMilliseconds == 1_000 && second.inSeconds == 1)
        #expect(MonotonicTime.zero + second == MonotonicTime(nanoseconds: 1_000_000_000))
        #expect(MonotonicTime(nanoseconds: 5) + .unlimited == .never)
        #expect(MonotonicTime.zero + .unlimited == .never && .never + second == MonotonicTime.never)
        #expect((MonotonicTime.zero + second).since(.zero) == second)
        #expect(MonotonicTime.zero.since(MonotonicTime.zero + second) == .zero)
        #expect(second.scaled(by: 3, over: 4) == .milliseconds(750))
        #expect(Interval.unlimited.scaled(by: 1, over: 2).isUnlimited)
        #expect(Interval(nanoseconds: .max - 1).scaled(by: 3, over: 2).isUnlimited)
    }

    @Test("deadlines come in order over all lanes, once")
    func deadlines() {
        var queues = DeadlineQueues(lanes: 2)
        #expect(queues.next == .never && queues.popExpired(at: .never) == nil)
        queues.arm(1, lane: 0, at: at(10))
        queues.arm(2, lane: 1, at: at(5))
        queues.arm(3, lane: 0, at: at(20))
        #expect(queues.next == at(5) && queues.count == 3)
        #expect(queues.popExpired(at: at(4)) == nil)
        #expect(pop(&queues, 15) == [1, 2] && queues.next == at(20) && queues.count == 1)
        #expect(queues.lane(of: 3) == 0 && queues.lane(of: 1) == nil && queues.lane(of: 99) == nil)
    }

    @Test("a slot has one deadline: arming again replaces, never disarms")
    func rearming() {
        var queues = DeadlineQueues(lanes: 2)
        queues.arm(1, lane: 0, at: at(10))
        queues.arm(1, lane: 1, at: at(30))
        #expect(queues.count == 1 && queues.next == at(30) && queues.lane(of: 1) == 1)
        queues.arm(1, lane: 1, at: .never)
        #expect(queues.count == 0 && queues.next == .never)
        queues.disarm(1)
        queues.disarm(77)
    }

    @Test("a shorter deadline is put in order, and a lane can be brought forward")
    func order() {
        var queues = DeadlineQueues(lanes: 1)
        queues.arm(1, lane: 0, at: at(30))
        queues.arm(2, lane: 0, at: at(10))
        queues.arm(3, lane: 0, at: at(20))
        #expect(queues.next == at(10) && pop(&queues, 20) == [2, 3])
        queues.arm(4, lane: 0, at: at(50))
        queues.clamp(lane: 0, to: at(25))
        #expect(queues.next == at(25) && pop(&queues, 25) == [1, 4])
    }

    @Test("random arming and disarming agrees with a plain dictionary")
    func model() {
        for seed in 0..<50 {
            var random = RandomSource(seed: UInt64(seed))
            var queues = DeadlineQueues(lanes: 3)
            var model: [UInt32: MonotonicTime] = [:]
            for step in 0..<500 {
                let slot = UInt32(random.below(100))
                if random.oneIn(50) {
                    let lane = random.below(3)
                    let latest = at(Int64(step + random.below(50)))
                    for (slot, deadline) in model where queues.lane(of: slot) == lane {
                        model[slot] = min(deadline, latest)
                    }
                    queues.clamp(lane: lane, to: latest)
                } else if random.oneIn(4) {
                    queues.disarm(slot)
                    model[slot] = nil
                } else {
                    let deadline = at(Int64(step + random.below(50)))
                    queues.arm(slot, lane: random.below(3), at: deadline)
                    model[slot] = deadline
                }
                if random.oneIn(10) {
                    let now = at(Int64(step))
                    let expired = model.filter { $0.value <= now }.keys.sorted()
                    #expect(pop(&queues, Int64(step)).sorted() == expired)
                    for slot in expired { model[slot] = nil }
                }
                #expect(queues.next == model.values.min() ?? .never && queues.count == model.count)
                #expect(model.allSatisfy { queues.deadline(of: $0.key) == $0.value })
                queues.checkInvariants()
            }
        }
    }

    @Test("deadlines in the worst order cost hardly more than those in the best")
    func worstOrder() {
        var queues = DeadlineQueues(lanes: 1)
        let count: UInt32 = 50_000
        // Each belongs before all that are there: by walking there, a billion steps.
        for slot in 0..<count { queues.arm(slot, lane: 0, at: at(Int64(count - slot))) }
        queues.checkInvariants()
        #expect(queues.next == at(1) && queues.count == Int(count))
        #expect(pop(&queues, Int64(count)) == Array((0..<count).reversed()))
    }

    private func at(_ nanoseconds: Int64) -> MonotonicTime { MonotonicTime(nanoseconds: nanoseconds) }

    private func pop(_ queues: inout DeadlineQueues, _ now: Int64) -> [UInt32] {
        var slots: [UInt32] = []
        while let expired = queues.popExpired(at: at(now)) { slots.append(expired.slot) }
        return slots
    }
}
