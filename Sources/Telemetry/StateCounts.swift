import ProxyCore
import UpstreamPool

// States with their stable names, in the order of a connection's life.
extension ProxyEngine.ClientReport {
    var states: [(name: String, count: Int)] {
        [
            ("fresh", fresh), ("reading_head", readingHead), ("waiting", waiting), ("exchanging", exchanging),
            ("parked", parked), ("unread", unread), ("tunnel", tunnels), ("ending", ending),
        ]
    }

    var total: Int { states.reduce(0) { $0 + $1.count } }
}

extension UpstreamPool.Counts {
    var states: [(name: String, count: Int)] {
        [("dialling", dialling), ("leased", leased), ("idle", idle)]
    }
}

extension [Int] {
    /// The counter at an index, 0 where there is none.
    func count(at index: Int) -> Int { index < count ? self[index] : 0 }
}
