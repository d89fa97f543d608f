/// The nftables table of one redirection. Each name has a table of its own, so that each comes and goes by
/// itself, in one transaction.
public struct TableName: Hashable, Sendable {
    /// What the operator calls it.
    public let name: String

    /// The one that is meant where nobody names one.
    public static let standard = TableName(unchecked: "weir")

    private init(unchecked name: String) { self.name = name }

    /// Takes 1 to 64 printable ASCII characters without blanks, as systemd's names of instances are.
    public init(_ name: String) throws(RedirectionError) {
        guard (1...64).contains(name.utf8.count), name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw RedirectionError(
                "'\(name)' is not a name: 1 to 64 printable ASCII characters without blanks"
            )
        }
        self.name = name
    }

    /// The table, as nft knows it: `weir`, or `weir-NAME`. What nft does not take in a name stands as `_` and
    /// two hexadecimal digits, as does `_` itself, so that no two names share a table.
    public var table: String {
        if self == .standard { return "weir" }
        return name.utf8.reduce(into: "weir-") { table, byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e:
                table.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                table += "_" + String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
            }
        }
    }

    /// Reads the name back; nil for a table that is none of ours.
    public init?(table: String) {
        if table == "weir" {
            self = .standard
            return
        }
        guard table.hasPrefix("weir-") else { return nil }
        var bytes: [UInt8] = []
        var rest = table.utf8.dropFirst(5)
        while let byte = rest.popFirst() {
            if byte != UInt8(ascii: "_") {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2,
                let code = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            else { return nil }
            bytes.append(code)
            rest = rest.dropFirst(2)
        }
        guard let name = try? TableName(String(decoding: bytes, as: UTF8.self)), name.table == table else {
            return nil
        }
        self = name
    }
}
