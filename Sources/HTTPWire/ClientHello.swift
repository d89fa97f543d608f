internal import Basics

/// The first message of a TLS client (RFC 8446 §4.1.2), read for the one thing in it that names the origin:
/// the server name (RFC 6066 §3). Nothing in it is trusted: it names a connection for people and for the
/// ledger, and decides neither where it leads nor whether it may.
public enum ClientHello {
    /// What is known of the server name.
    public enum ServerName: Equatable, Sendable {
        /// A host name in lower case: letters, digits, hyphens and underscores in labels of 1 to 63 bytes, 253
        /// bytes in all.
        case named([UInt8])
        /// There is none, or one that is no host name, or what came is no ClientHello.
        case absent
        /// It may be in the bytes that have not come yet.
        case incomplete
    }

    /// Bytes beyond which a name that has not been found is not waited for: one record of the greatest length.
    public static let longest = 5 + 16384

    /// Finds the server name in the bytes of a connection from its first one on, however the message is cut
    /// into records.
    public static func serverName(_ bytes: Span<UInt8>) -> ServerName {
        var reader = HandshakeReader()
        do throws(HandshakeReader.Stop) {
            return try readName(bytes, &reader)
        } catch {
            return error == .incomplete ? .incomplete : .absent
        }
    }

    /// Whether a record's two bytes of length are possible: fragments have 1 to 2^14 bytes (RFC 8446 §5.1).
    static func isLength(_ high: UInt8, _ low: UInt8) -> Bool {
        (1...16384).contains(Int(high) << 8 | Int(low))
    }

    private static func readName(
        _ bytes: Span<UInt8>,
        _ reader: inout HandshakeReader
    ) throws(HandshakeReader.Stop) -> ServerName {
        guard try reader.number(bytes, 1) == 1 else { return .absent }
        reader.left = try reader.number(bytes, 3)
        // legacy_version and random.
        try reader.skip(bytes, 2 + 32)
        // legacy_session_id, cipher_suites, legacy_compression_methods.
        for lengthBytes in [1, 2, 1] { try reader.skip(bytes, try reader.number(bytes, lengthBytes)) }
        // Before TLS 1.3 a hello may end here.
        if reader.left == 0 { return .absent }
        let length = try reader.number(bytes, 2)
        if length > reader.left { return .absent }
        reader.left = length
        while reader.left > 0 {
            let type = try reader.number(bytes, 2)
            let length = try reader.number(bytes, 2)
            if type != 0 {
                try reader.skip(bytes, length)
                continue
            }
            if length > reader.left { return .absent }
            reader.left = length
            return try readList(bytes, &reader)
        }
        return .absent
    }

    /// The list of the extension server_name; more than one name of a type is not allowed in it, and there is
    /// no type but host_name.
    private static func readList(
        _ bytes: Span<UInt8>,
        _ reader: inout HandshakeReader
    ) throws(HandshakeReader.Stop) -> ServerName {
        guard try reader.number(bytes, 2) == reader.left, try reader.number(bytes, 1) == 0 else {
            return .absent
        }
        let length = try reader.number(bytes, 2)
        guard length == reader.left, (1...253).contains(length) else { return .absent }
        var name: [UInt8] = []
        name.reserveCapacity(length)
        for _ in 0..<length { name.append(ASCII.lowercased(UInt8(try reader.number(bytes, 1)))) }
        return isHostName(name.span) ? .named(name) : .absent
    }

    /// Host names as the resolver takes them; an address, whose last label has digits only, is none (RFC 6066
    /// §3), and nothing that could break a line or a quotation gets any further.
    private static func isHostName(_ name: Span<UInt8>) -> Bool {
        var label = 0
        var hasOtherThanDigits = false
        for index in name.indices {
            let byte = name[index]
            if byte == UInt8(ascii: ".") {
                if label == 0 { return false }
                label = 0
                hasOtherThanDigits = false
                continue
            }
            let isDigit = ASCII.isDigit(byte)
            guard isDigit || ASCII.isLetter(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
            else { return false }
            label += 1
            if label > 63 { return false }
            hasOtherThanDigits = hasOtherThanDigits || !isDigit
        }
        return label > 0 && hasOtherThanDigits
    }
}

/// Reads a handshake message out of the records that carry it.
private struct HandshakeReader {
    enum Stop: Error {
        /// The bytes end before the message.
        case incomplete
        /// They are no such message.
        case malformed
    }

    /// Bytes of what is being read that are still to come: the message, then the extensions, then one of them.
    var left = Int.max
    private var position = 0
    /// Bytes of the present record that have not been read.
    private var inRecord = 0

    /// A number of so many bytes, in network byte order.
    mutating func number(_ bytes: Span<UInt8>, _ count: Int) throws(Stop) -> Int {
        if count > left { throw .malformed }
        left -= count
        var value = 0
        for _ in 0..<count {
            try enterRecord(bytes)
            value = value << 8 | Int(bytes[position])
            position += 1
            inRecord -= 1
        }
        return value
    }

    mutating func skip(_ bytes: Span<UInt8>, _ count: Int) throws(Stop) {
        if count > left { throw .malformed }
        left -= count
        var rest = count
        while rest > 0 {
            try enterRecord(bytes)
            let step = min(rest, inRecord, bytes.count - position)
            position += step
            inRecord -= step
            rest -= step
        }
    }

    /// Makes sure that the next byte is there and is the message's.
    private mutating func enterRecord(_ bytes: Span<UInt8>) throws(Stop) {
        if inRecord == 0 {
            if position + 5 > bytes.count { throw .incomplete }
            guard bytes[position] == 22, bytes[position + 1] == 3,
                ClientHello.isLength(bytes[position + 3], bytes[position + 4])
            else { throw .malformed }
            inRecord = Int(bytes[position + 3]) << 8 | Int(bytes[position + 4])
            position += 5
        }
        if position == bytes.count { throw .incomplete }
    }
}
