public import Basics

// JSON (RFC 8259) written member by member. Commas need no state: the last byte tells whether one is due, as
// that of a string is always its quotation mark. Elements of arrays are objects or texts.
extension ByteBuffer {
    /// Opens an object: a member's value where `key` is given, else an element or the whole text.
    public mutating func beginObject(_ key: String? = nil) {
        beginMember(key)
        append("{")
    }

    /// Closes the object that was opened last.
    public mutating func endObject() { append("}") }

    /// Opens an array that is a member's value.
    public mutating func beginArray(_ key: String) {
        beginMember(key)
        append("[")
    }

    /// Adds a member with an array of texts.
    public mutating func member(_ key: String, _ values: [String]) {
        beginArray(key)
        for (index, value) in values.enumerated() {
            if index > 0 { append(",") }
            appendJSONString(value.utf8.span)
        }
        endArray()
    }

    /// Closes the array that was opened last.
    public mutating func endArray() { append("]") }

    /// Adds a member with a whole number.
    public mutating func member(_ key: String, _ value: Int) {
        beginMember(key)
        append(signed: value)
    }

    /// Adds a member with a whole number.
    public mutating func member(_ key: String, _ value: UInt64) {
        beginMember(key)
        append(decimal: value)
    }

    /// Adds a member with a number of things, `null` where there is no bound (`Int.max`).
    public mutating func member(_ key: String, limit: Int) {
        beginMember(key)
        if limit == .max { append("null") } else { append(signed: limit) }
    }

    /// Adds a member with a length of time in seconds, `null` where it is unlimited.
    public mutating func member(_ key: String, _ value: Interval) {
        beginMember(key)
        if value.isUnlimited { append("null") } else { append(seconds: value) }
    }

    /// Adds a member with a truth value.
    public mutating func member(_ key: String, _ value: Bool) {
        beginMember(key)
        append(value ? "true" : "false")
    }

    /// Adds a member with a text.
    public mutating func member(_ key: String, _ value: String) {
        member(key, value.utf8.span)
    }

    /// Adds a member with a text of any bytes; what is not UTF-8 becomes U+FFFD.
    public mutating func member(_ key: String, _ value: Span<UInt8>) {
        beginMember(key)
        appendJSONString(value)
    }

    /// Adds a member with a text, `null` where there is none.
    public mutating func member(_ key: String, optional value: String?) {
        if let value { return member(key, value) }
        beginMember(key)
        append("null")
    }

    /// Adds a text as an element of an array.
    mutating func element(_ value: String) {
        if !isEmpty && span[count - 1] == UInt8(ascii: "\"") { append(",") }
        appendJSONString(value.utf8.span)
    }

    /// Adds a member with a number of thousandths of either sign, as a fraction.
    public mutating func member(_ key: String, milli: Int) {
        beginMember(key)
        if milli < 0 { append("-") }
        append(decimal: UInt64(milli.magnitude / 1000))
        append(".")
        append(padded: Int64(milli.magnitude % 1000), width: 3)
    }

    /// Adds a member with an instant, as RFC 3339 text.
    public mutating func member(_ key: String, _ value: WallTime) {
        beginMember(key)
        append("\"")
        value.appendTimestamp(to: &self)
        append("\"")
    }

    /// Appends the comma that is due, and the key.
    private mutating func beginMember(_ key: String?) {
        let last = isEmpty ? 0 : span[count - 1]
        guard let key else {
            // An element follows an element, or "[", or begins a line.
            if last == UInt8(ascii: "}") { append(",") }
            return
        }
        if last != UInt8(ascii: "{") { append(",") }
        appendJSONString(key.utf8.span)
        append(":")
    }

    /// Appends a string with its quotation marks. Control characters, DEL and C1 included, are escaped, so
    /// that a terminal that shows the text is safe too.
    mutating func appendJSONString(_ bytes: Span<UInt8>) {
        append("\"")
        var index = 0
        while index < bytes.count {
            switch UTF8Scan.next(bytes, at: index) {
            case .malformed(let length):
                append("\u{FFFD}")
                index += length
            case .scalar(let length, isControl: true):
                appendJSONControl(length == 1 ? bytes[index] : bytes[index + 1])
                index += length
            case .scalar(let length, isControl: false):
                let byte = bytes[index]
                if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { append("\\") }
                append(bytes.extracting(index..<index + length))
                index += length
            }
        }
        append("\"")
    }

    /// Appends the escape of a control character below U+0100.
    private mutating func appendJSONControl(_ code: UInt8) {
        switch code {
        case ASCII.lineFeed: append("\\n")
        case ASCII.carriageReturn: append("\\r")
        case ASCII.tab: append("\\t")
        default:
            append("\\u00")
            append(nibble: code >> 4)
            append(nibble: code & 15)
        }
    }
}
