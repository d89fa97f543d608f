import Basics

/// Users and passwords that were right, so that a hash, which is slow by design, is not worked out for each
/// request. Neither is kept: only a number that the process' own secret makes of them.
struct VerifiedCredentials {
    /// How long they are believed without another look.
    static let lifetime = Interval.seconds(300)
    /// Most of them; beyond it those are forgotten that are over, and then all.
    static let most = 1024

    private var ends: [UInt64: MonotonicTime] = [:]

    /// The number that stands for credentials.
    static func number(_ credentials: Span<UInt8>) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(credentials.count)
        for index in credentials.indices { hasher.combine(credentials[index]) }
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }

    var count: Int { ends.count }

    func contains(_ number: UInt64, now: MonotonicTime) -> Bool { ends[number].map { $0 > now } ?? false }

    mutating func insert(_ number: UInt64, now: MonotonicTime) {
        if ends.count >= VerifiedCredentials.most {
            ends = ends.filter { $0.value > now }
            if ends.count >= VerifiedCredentials.most { ends.removeAll() }
        }
        ends[number] = now + VerifiedCredentials.lifetime
    }

    mutating func removeAll() { ends.removeAll() }
}
