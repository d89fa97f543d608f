import Basics
import HTTPWire
import Testing

/// Writes random messages together with what a parser must find in them.
struct MessageGenerator {
    var random: RandomSource

    init(seed: UInt64) { random = RandomSource(seed: seed) }

    private static let tokenBytes = Array("!#$%&'*+-.^_`|~09azAZabcdefghijklmnopqrstuvwxyz---".utf8)
    private static let valueBytes = Array((32...126).map { UInt8($0) }) + [9, 128, 200, 255]

    mutating func pick(_ bytes: [UInt8], _ count: Int) -> [UInt8] {
        (0..<count).map { _ in bytes[random.below(bytes.count)] }
    }

    /// A token of 1…`longest` bytes.
    mutating func token(_ longest: Int) -> [UInt8] { pick(Self.tokenBytes, 1 + random.below(longest)) }

    /// A start line, and its parts as `HeadReader` tells them.
    mutating func startLine(_ kind: HeadKind) -> (line: [UInt8], parts: [String]) {
        let minor = random.below(3)
        let version = minor == 0 ? "http10" : "http11"
        switch kind {
        case .request:
            let method = [UInt8(ascii: "x")] + token(12)
            let target = pick(Array((33...126).filter { $0 != 35 }.map { UInt8($0) }), 1 + random.below(60))
            let line = method + [32] + target + wire(" HTTP/1.\(minor)\r\n")
            let whole = ByteRange(0, method.count)
            return (line, ["other", text(method, whole), text(target, ByteRange(0, target.count)), version])
        case .response:
            let status = 100 + random.below(900)
            let reason = pick(Self.valueBytes, random.below(30))
            let line = wire("HTTP/1.\(minor) \(status) ") + reason + [13, 10]
            return (line, [version, "\(status)", text(reason, ByteRange(0, reason.count))])
        case .trailers:
            return ([], [])
        }
    }

    /// Field lines, each with name and trimmed value.
    mutating func fields() -> [(line: [UInt8], name: [UInt8], value: [UInt8])] {
        (0..<random.below(12)).map { _ in
            let known = FieldName.allCases[random.below(FieldName.allCases.count)].text
            let name = random.oneIn(2) && !known.isEmpty ? wire(known) : token(random.oneIn(4) ? 40 : 10)
            var value = pick(Self.valueBytes, random.below(random.oneIn(5) ? 200 : 30))
            while let first = value.first, first == 32 || first == 9 { value.removeFirst() }
            while let last = value.last, last == 32 || last == 9 { value.removeLast() }
            let line =
                name + [58] + pick([32, 9], random.below(3)) + value + pick([32, 9], random.below(3)) + [
                    13, 10,
                ]
            return (line, name, value)
        }
    }

    /// A chunked body up to its trailers, and its content.
    mutating func chunkedBody() -> (bytes: [UInt8], content: [UInt8]) {
        var bytes: [UInt8] = []
        var content: [UInt8] = []
        for _ in 0..<random.below(6) {
            let chunk = (0..<1 + random.below(random.oneIn(4) ? 300 : 20)).map { _ in UInt8(random.below(256))
            }
            bytes += sizeLine(chunk.count) + chunk + [13, 10]
            content += chunk
        }
        return (bytes + sizeLine(0), content)
    }

    private mutating func sizeLine(_ count: Int) -> [UInt8] {
        let digits = String(count, radix: 16, uppercase: random.oneIn(2))
        let zeros = String(repeating: "0", count: random.below(3))
        var line = wire(zeros + digits)
        if random.oneIn(3) {
            line += pick([32, 9], random.below(3)) + [59] + pick(Self.valueBytes, random.below(20))
        }
        return line + [13, 10]
    }

    /// One to three bytes changed, added or removed.
    mutating func damage(_ bytes: [UInt8]) -> [UInt8] {
        let nasty: [UInt8] = [0, 9, 10, 13, 32, 58, 59, 44, 48, 127, 255]
        var result = bytes
        for _ in 0..<1 + random.below(3) where !result.isEmpty {
            let index = random.below(result.count)
            let byte = random.oneIn(3) ? UInt8(random.below(256)) : nasty[random.below(nasty.count)]
            switch random.below(3) {
            case 0: result[index] = byte
            case 1: result.insert(byte, at: index)
            default: result.remove(at: index)
            }
        }
        return result
    }
}

@Suite struct RandomMessageTests {
    @Test("random valid heads and trailer sections are read back", arguments: HeadKind.allCases)
    func heads(kind: HeadKind) {
        for seed in 0..<500 {
            var generator = MessageGenerator(seed: UInt64(seed))
            let start = generator.startLine(kind)
            let fields = generator.fields()
            let bytes = start.line + fields.flatMap(\.line) + [13, 10]
            guard case .read(let head) = readWhole(kind, bytes) else {
                Issue.record("seed \(seed): \(readWhole(kind, bytes))")
                continue
            }
            #expect(head.start == start.parts && head.length == bytes.count, "seed \(seed)")
            let expected = fields.map { field in
                let all = [field.name, field.value, field.line].map { text($0, ByteRange(0, $0.count)) }
                let known = FieldName.allCases.first { $0.text.lowercased() == all[0].lowercased() } ?? .other
                return "\(known)|\(all[0])|\(all[1])|\(all[2])"
            }
            #expect(head.fields == expected, "seed \(seed)")
            if seed < 40 { ParserVerifier.verify(kind, bytes) }
        }
    }

    @Test("random fields are written as they came, less those dropped")
    func writing() {
        for seed in 0..<500 {
            var generator = MessageGenerator(seed: UInt64(seed))
            let fields = generator.fields()
            let bytes = wire("GET / HTTP/1.1\r\n") + fields.flatMap(\.line) + [13, 10]
            var reader = HeadReader(.request)
            _ = reader.read(bytes)
            var kept: [UInt8] = []
            for index in 0..<reader.fields.count {
                reader.fields[index].isDropped = generator.random.oneIn(3)
                if !reader.fields[index].isDropped { kept += fields[index].line }
            }
            var out = ByteBuffer()
            HeadWriter.appendFields(bytes.span, reader.fields, to: &out)
            #expect(bytesOf(out) == kept, "seed \(seed)")
        }
    }

    @Test("random chunked bodies give back their content")
    func chunked() {
        for seed in 0..<500 {
            var generator = MessageGenerator(seed: UInt64(seed))
            let (bytes, content) = generator.chunkedBody()
            let cuts = bytes.indices.filter { _ in generator.random.oneIn(5) }
            let reading = ChunkedReading(bytes, cuts: cuts)
            #expect(reading.isComplete && reading.content == content, "seed \(seed)")
            if seed < 40 { ParserVerifier.verifyChunked(bytes) }
        }
    }

    @Test(
        "damaged heads are read or refused alike whatever pieces they come in",
        arguments: HeadKind.allCases
    )
    func damagedHeads(kind: HeadKind) {
        for seed in 0..<300 {
            var generator = MessageGenerator(seed: UInt64(seed))
            let start = generator.startLine(kind).line
            let bytes = generator.damage(start + generator.fields().prefix(4).flatMap(\.line) + [13, 10])
            ParserVerifier.verify(kind, bytes, sameError: false)
        }
    }

    @Test("damaged chunked bodies are read or refused alike whatever pieces they come in")
    func damagedBodies() {
        for seed in 0..<300 {
            var generator = MessageGenerator(seed: UInt64(seed))
            let body = generator.chunkedBody().bytes
            ParserVerifier.verifyChunked(generator.damage(body), sameError: false)
        }
    }

    @Test("nothing that is forwarded of a damaged head holds a stray line end or control character")
    func damagedForwarding() {
        for seed in 0..<1_500 {
            var generator = MessageGenerator(seed: UInt64(seed))
            let bytes = generator.damage(
                wire("GET / HTTP/1.1\r\n") + generator.fields().flatMap(\.line) + [13, 10]
            )
            var reader = HeadReader(.request)
            guard case .read = reader.read(bytes) else { continue }
            for index in 0..<reader.fields.count {
                let line = bytes[reader.fields[index].line.range]
                let inner = line.dropLast(2)
                #expect(Array(line.suffix(2)) == [13, 10])
                #expect(inner.allSatisfy { $0 == 9 || ($0 >= 32 && $0 != 127) }, "seed \(seed)")
                #expect(inner.first != 32 && inner.first != 9 && inner.contains(58))
            }
        }
    }
}
