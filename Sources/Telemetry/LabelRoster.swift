public import Basics

/// Which names that clients choose may stand in labels of metrics. Each value of a label is a time series that
/// Prometheus keeps for weeks, so both are bounded: the names shown at once, and the different ones within a
/// while. The rest is for the caller to add up under one name.
public struct LabelRoster<Name: Hashable & Comparable & Sendable>: Sendable {
    /// Most names at once.
    public let maxShown: Int
    /// Most different names within `memory`.
    public let maxRemembered: Int
    /// For how long a name counts after it was shown last.
    public let memory: Interval
    private var lastShown: [Name: MonotonicTime] = [:]

    private typealias Candidate = (name: Name, weight: Int)

    /// Nobody has been shown yet.
    public init(maxShown: Int, maxRemembered: Int, memory: Interval = .seconds(3600)) {
        self.maxShown = maxShown
        self.maxRemembered = maxRemembered
        self.memory = memory
    }

    /// Chooses who is shown now, the heaviest first; equal ones by name, so that two readings have the same.
    public mutating func admit(_ weights: [Name: Int], now: MonotonicTime) -> [Name] {
        lastShown = lastShown.filter { now.since($0.value) < memory }
        var known: [Candidate] = []
        var newcomers: [Candidate] = []
        let room = min(maxShown, maxRemembered - lastShown.count)
        for (name, weight) in weights {
            if lastShown[name] != nil {
                known.append((name, weight))
            } else {
                Self.insert((name, weight), into: &newcomers, atMost: room)
            }
        }
        let admitted = (known + newcomers).sorted(by: Self.precedes).prefix(maxShown).map(\.name)
        for name in admitted { lastShown[name] = now }
        return admitted
    }

    /// Keeps the first `most` in order. Of thousands nearly all are turned away by one comparison.
    private static func insert(_ candidate: Candidate, into list: inout [Candidate], atMost most: Int) {
        if list.count >= most {
            guard let last = list.last, precedes(candidate, last) else { return }
            list.removeLast()
        }
        let place = list.firstIndex { precedes(candidate, $0) } ?? list.endIndex
        list.insert(candidate, at: place)
    }

    private static func precedes(_ left: Candidate, _ right: Candidate) -> Bool {
        left.weight != right.weight ? left.weight > right.weight : left.name < right.name
    }
}
