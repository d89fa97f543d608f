/// One message as a witness read it.
struct SeenMessage {
    /// From the start line to the empty line.
    var head: [UInt8]
    var lines: FieldLines
    /// The three parts of the start line; the last one of a status line may be empty.
    var parts: (Range<Int>, Range<Int>, Range<Int>)
    var content: [UInt8] = []
    var isComplete = false
    /// Its content has no other end than the connection's.
    var endsWithConnection = false

    /// The status of a response.
    var status: Int { head[parts.1].reduce(0) { $0 * 10 + Int($1) - 48 } }
    var method: ArraySlice<UInt8> { head[parts.0] }
    var isHTTP10: Bool { head[parts.2].elementsEqual("HTTP/1.0".utf8) }
    /// What decides how a response to it is framed.
    var answerKind: AnswerFraming {
        if method.elementsEqual("HEAD".utf8) { return .head }
        return method.elementsEqual("CONNECT".utf8) ? .connect : .ordinary
    }
    /// May be sent twice.
    var isRepeatable: Bool {
        ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"].contains { method.elementsEqual($0.utf8) }
    }
    var isOwn: Bool { lines.count(head, "via") == 0 }

    /// Whether a list field has the member, which is in lower case.
    func has(_ name: String, _ member: String) -> Bool {
        for line in lines.lines where equal(head, line.name, name) {
            var start = line.value.lowerBound
            for end in line.value.lowerBound...line.value.upperBound
            where end == line.value.upperBound || head[end] == UInt8(ascii: ",") {
                if equal(head, trimmed(head, start..<end), member) { return true }
                start = end + 1
            }
        }
        return false
    }

    /// The host and path that a request in absolute-form, or one for an origin, asks for; nil for others.
    var destination: (host: ArraySlice<UInt8>, path: ArraySlice<UInt8>)? {
        let target = head[parts.1]
        if target.first == UInt8(ascii: "/") || target.elementsEqual("*".utf8) {
            guard let host = lines.first(head, "host") else { return nil }
            return (head[host.value], target)
        }
        let scheme = "http://".utf8
        guard target.count > scheme.count,
            zip(target, scheme).allSatisfy({ lowered($0) == $1 })
        else { return nil }
        let rest = target.dropFirst(scheme.count)
        let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? rest.endIndex
        return (rest[..<end], rest[end...])
    }

    /// Whether this request, as an origin got it, is what a client sent.
    func isForwarded(_ original: SeenMessage) -> Bool {
        guard method.elementsEqual(original.method), let mine = destination,
            let asked = original.destination,
            mine.host.elementsEqual(asked.host)
        else { return false }
        if asked.path.isEmpty {
            let isOptions = method.elementsEqual("OPTIONS".utf8)
            return mine.path.elementsEqual(isOptions ? "*".utf8 : "/".utf8)
        }
        let isQuery = asked.path.first == UInt8(ascii: "?")
        return (isQuery ? mine.path.dropFirst() : mine.path).elementsEqual(asked.path)
    }
}

/// What a response's framing depends on besides its own head.
enum AnswerFraming {
    case ordinary, head, connect
    /// The request is not known to the witness, as it is malformed or unfinished.
    case unknown
}
