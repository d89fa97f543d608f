/// Takes apart what an admin server answered: a whole HTTP/1.1 response with Content-Length.
enum AdminReply {
    /// The content of a response with status 200.
    static func content(of bytes: [UInt8]) throws(AdminError) -> [UInt8] {
        if bytes.isEmpty { throw AdminError("closed the connection without an answer") }
        guard let headEnd = endOfHead(bytes) else { throw AdminError("the answer is not HTTP") }
        let lines = String(decoding: bytes[..<headEnd], as: UTF8.self).split(separator: "\r\n")
        let words = lines.first?.split(separator: " ", maxSplits: 2) ?? []
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
            throw AdminError("the answer is not HTTP")
        }
        let content = Array(bytes[headEnd...])
        guard let length = length(in: lines.dropFirst()), length == content.count else {
            throw AdminError("the answer was cut off")
        }
        if status != 200 { throw AdminError("answered \(status): \(firstLine(content))") }
        return content
    }

    /// The offset behind the empty line.
    private static func endOfHead(_ bytes: [UInt8]) -> Int? {
        let end: [UInt8] = [13, 10, 13, 10]
        guard bytes.count >= 4 else { return nil }
        return (0...bytes.count - 4).first { bytes[$0..<$0 + 4].elementsEqual(end) }.map { $0 + 4 }
    }

    private static func length(in fields: some Sequence<Substring>) -> Int? {
        for field in fields {
            guard let colon = field.firstIndex(of: ":") else { continue }
            if field[..<colon].lowercased() != "content-length" { continue }
            return Int(field[field.index(after: colon)...].filter { $0 != " " })
        }
        return nil
    }

    /// Fit for an error message: one line, no control characters.
    private static func firstLine(_ content: [UInt8]) -> String {
        let line = content.prefix { $0 != 10 }.prefix(200)
        return Printable.text(String(decoding: line, as: UTF8.self))
    }
}

/// Keeps what another process said from talking to the terminal.
enum Printable {
    /// The text with a question mark for every character that is not printable.
    static func text(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { isPrintable($0) ? $0 : "?" }))
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
            false
        default: true
        }
    }
}
