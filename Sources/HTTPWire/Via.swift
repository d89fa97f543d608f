internal import Basics

/// The Via fields of a message (RFC 9110 §7.6.3).
public enum Via {
    /// Whether a message has been through the intermediary of that pseudonym before: some member names it
    /// as received-by. Names are compared without case, as host names are.
    public static func names(
        _ pseudonym: String,
        in bytes: Span<UInt8>,
        _ fields: FieldTable
    ) -> Bool {
        for index in 0..<fields.count where fields[index].known == .via {
            let value = fields[index].value
            var position = Int(value.start)
            while let member = FieldValue.nextMember(bytes, &position, end: Int(value.end)) {
                let receiver = bytes.extracting(receivedBy(bytes, member))
                if ASCII.equalIgnoringCase(receiver, pseudonym.utf8.span) { return true }
            }
        }
        return false
    }

    /// The second word of a member: received-protocol RWS received-by [ RWS comment ].
    private static func receivedBy(_ bytes: Span<UInt8>, _ member: ByteRange) -> Range<Int> {
        let end = Int(member.end)
        var start = Int(member.start)
        while start < end && !FieldValue.isSpace(bytes[start]) { start += 1 }
        while start < end && FieldValue.isSpace(bytes[start]) { start += 1 }
        var index = start
        while index < end && !FieldValue.isSpace(bytes[index]) { index += 1 }
        return start..<index
    }
}
