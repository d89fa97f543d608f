import Basics
import HTTPWire

/// What is forwarded of a head that is accepted, read by a strict recipient.
struct ForwardedHead {
    let input: [UInt8]
    let reader: HeadReader
    /// What a response answers.
    let requestMethod: Method
    let mistake: PlantedMistake?

    private static let hopByHop = [
        "connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "http2-settings",
    ]
    /// Some of what no Connection field may cut out.
    private static let protected = [
        "host", "content-length", "authorization", "cookie", "cache-control", "content-type",
    ]

    func check() throws(BrokenProperty) {
        var fields = reader.fields
        guard (try? ConnectionOptions.read(input.span, &fields)) != nil, let framing = framing(fields) else {
            return
        }
        if mistake == .forwardHopByHop {
            for index in 0..<fields.count { fields[index].isDropped = false }
        }
        var out = ByteBuffer()
        HeadWriter.appendFields(input.span, fields, to: &out)
        let written = bytes(out)
        let lines = try FieldLines(written)
        for name in ForwardedHead.hopByHop {
            try require(lines.count(written, name) == 0, "\(name) is forwarded")
        }
        if reader.kind == .request {
            try require(lines.count(written, "proxy-authorization") == 0, "proxy-authorization is forwarded")
        }
        try checkFraming(framing, written, lines)
        try checkNominations(fields, written, lines)
        try checkTrailerNominations(fields)
    }

    private func framing(_ fields: FieldTable) -> BodyFraming? {
        if let head = reader.request { return try? Framing.ofRequest(input.span, head, fields) }
        guard let head = reader.response else { return nil }
        return try? Framing.ofResponse(input.span, head, fields, requestMethod: requestMethod)
    }

    /// Content-Length says what weir has decided, once, or nothing.
    private func checkFraming(_ framing: BodyFraming, _ written: [UInt8], _ lines: FieldLines)
        throws(BrokenProperty)
    {
        let lengths = lines.count(written, "content-length")
        switch framing {
        case .chunked, .untilClose:
            try require(lengths == 0, "Content-Length beside another framing")
        case .length(let count):
            try require(lengths == 1, "\(lengths) Content-Length fields")
            guard let line = lines.first(written, "content-length") else { return }
            try require(decimal(written, line.value) == count, "another Content-Length")
        case .none:
            // 1xx, 204 and 2xx to CONNECT must not have the field at all, and weir drops it later.
            if let head = reader.response, requestMethod != .head && head.status != 304 { return }
            try require(lengths <= 1, "\(lengths) Content-Length fields")
            guard let line = lines.first(written, "content-length") else { return }
            let length = decimal(written, line.value)
            // A response to HEAD, or 304, carries the length of another response.
            let isPlausible = reader.request == nil ? length != nil : length == 0
            try require(isPlausible, "Content-Length of a message without content")
        }
    }

    private func decimal(_ bytes: [UInt8], _ range: Range<Int>) -> UInt64? {
        if range.isEmpty { return nil }
        var value: UInt64 = 0
        for index in range {
            guard bytes[index] >= 48 && bytes[index] <= 57 else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(bytes[index] - 48))
            if overflow || carry { return nil }
            value = sum
        }
        return value
    }

    /// A field that Connection names is not forwarded, unless it is for everybody; every other one is.
    private func checkNominations(_ fields: FieldTable, _ written: [UInt8], _ lines: FieldLines)
        throws(BrokenProperty)
    {
        let nominated = nominations()
        for line in lines.lines where isNominated(nominated, written, line.name) {
            for index in 0..<fields.count where fields[index].known == .other {
                try require(
                    !equal(input, fields[index].name.range, written, line.name),
                    "a nominated field is forwarded"
                )
            }
        }
        var kept = 0
        for index in 0..<fields.count where !fields[index].isDropped { kept += 1 }
        try require(lines.lines.count == kept, "\(lines.lines.count) lines written for \(kept) kept")
        for index in 0..<fields.count where fields[index].isDropped {
            let name = fields[index].name.range
            for protected in ForwardedHead.protected {
                try require(!equal(input, name, protected), "\(protected) is cut out")
            }
            if fields[index].known != .other { continue }
            try require(isNominated(nominated, input, name), "a field that nobody named is cut out")
        }
    }

    /// The members of all Connection fields that can name a field: `close` is reserved as a field name
    /// (RFC 9110 §16.3.1), so that weir does not look for one.
    private func nominations() -> [Range<Int>] {
        var members: [Range<Int>] = []
        for index in 0..<reader.fields.count {
            if !equal(input, reader.fields[index].name.range, "connection") { continue }
            let value = reader.fields[index].value.range
            var start = value.lowerBound
            for end in value.lowerBound...value.upperBound
            where end == value.upperBound || input[end] == UInt8(ascii: ",") {
                let member = trimmed(input, start..<end)
                if !member.isEmpty && !equal(input, member, "close") { members.append(member) }
                start = end + 1
            }
        }
        return members
    }

    private func isNominated(_ nominated: [Range<Int>], _ bytes: [UInt8], _ name: Range<Int>) -> Bool {
        for member in nominated where equal(input, member, bytes, name) { return true }
        return false
    }

    /// The list that is kept for the trailers drops what the head's options dropped.
    private func checkTrailerNominations(_ dropped: FieldTable) throws(BrokenProperty) {
        var list = ByteBuffer()
        ConnectionOptions.appendNominated(input.span, reader.fields, to: &list)
        var trailers = reader.fields
        ConnectionOptions.dropNominated(list.span, from: &trailers, in: input.span)
        if mistake == .forwardHopByHop { return }
        for index in 0..<trailers.count where trailers[index].known == .other {
            try require(
                trailers[index].isDropped == dropped[index].isDropped,
                "the list for the trailers drops other fields than the head"
            )
        }
    }
}
