internal import CLinux

/// Takes netlink messages and their attributes apart; what is cut ends the reading.
enum NetfilterReader {
    /// Type and payload of each message.
    static func messages(_ bytes: ArraySlice<UInt8>) -> [(type: UInt16, payload: ArraySlice<UInt8>)] {
        var found: [(UInt16, ArraySlice<UInt8>)] = []
        var rest = bytes
        while rest.count >= 16 {
            let length = Int(number(rest.prefix(4)))
            if length < 16 || length > rest.count { break }
            found.append((UInt16(number(rest.dropFirst(4).prefix(2))), rest.prefix(length).dropFirst(16)))
            rest = rest.dropFirst((length + 3) & ~3)
        }
        return found
    }

    /// Type, without its flags, and content of each attribute.
    static func attributes(_ bytes: ArraySlice<UInt8>) -> [(type: UInt16, content: ArraySlice<UInt8>)] {
        var found: [(UInt16, ArraySlice<UInt8>)] = []
        var rest = bytes
        while rest.count >= 4 {
            let length = Int(number(rest.prefix(2)))
            if length < 4 || length > rest.count { break }
            let type = UInt16(number(rest.dropFirst(2).prefix(2))) & 0x3fff
            found.append((type, rest.prefix(length).dropFirst(4)))
            rest = rest.dropFirst((length + 3) & ~3)
        }
        return found
    }

    /// The content of an attribute within others.
    static func value(_ path: [UInt32], in bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        var content = bytes
        for step in path {
            guard let next = attributes(content).first(where: { $0.type == step }) else { return nil }
            content = next.content
        }
        return content
    }

    /// The `errno` of an acknowledgement.
    static func code(_ payload: ArraySlice<UInt8>) -> Int32 {
        0 &- Int32(truncatingIfNeeded: number(payload.prefix(4)))
    }

    /// Numbers of messages are in the host's byte order: little-endian on all that Swift runs on.
    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
