/// Destination ports to redirect.
public enum PortList: Hashable, Sendable {
    /// Every port.
    case all
    /// In order, neither overlapping nor adjacent; not empty.
    case some([ClosedRange<UInt16>])

    /// What is redirected unless somebody says otherwise: HTTP and HTTPS.
    public static let standard = PortList.some([80...80, 443...443])

    /// Reads `80,443`, `8000-8999`, or `all`.
    public init(_ text: String) throws(RedirectionError) {
        if text == "all" {
            self = .all
            return
        }
        var ranges: [ClosedRange<UInt16>] = []
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = item.split(separator: "-", omittingEmptySubsequences: false).map(PortList.port)
            guard ends.count <= 2, let first = ends.first ?? nil, let last = ends.last ?? nil, first <= last
            else {
                throw RedirectionError(
                    "'\(item)' is not a port (1 to 65535) or a range such as 8000-8999; ports are a list "
                        + "such as 80,443 or the word all"
                )
            }
            ranges.append(first...last)
        }
        self = .some(PortList.merged(ranges))
    }

    private static func port(_ text: Substring) -> UInt16? {
        guard text.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }), let number = UInt16(text), number > 0 else {
            return nil
        }
        return number
    }

    private static func merged(_ ranges: [ClosedRange<UInt16>]) -> [ClosedRange<UInt16>] {
        var merged: [ClosedRange<UInt16>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = merged.last, Int(range.lowerBound) <= Int(last.upperBound) + 1 {
                merged[merged.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        return merged
    }
}

extension PortList: CustomStringConvertible {
    /// As it is read: `80, 443, 8000-8999` or `all`.
    public var description: String {
        switch self {
        case .all: "all"
        case .some(let ranges):
            ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
                .joined(separator: ", ")
        }
    }
}
