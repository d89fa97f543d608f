/// Messages in one direction of one connection as a strict peer reads them, byte by byte if need be, and
/// independently of the product's parser.
struct MessageStream {
    enum State: Equatable {
        /// Between messages; `begin` goes on.
        case idle
        case head, length(Int), chunkSize, chunk(Int), chunkEnd, trailers, untilClose
        /// No messages any more: bytes.
        case tunnel
        /// Bytes behind an answer to a request that nobody could read.
        case unknown
        case broken(String)
    }

    /// Who wrote the bytes: a peer, which may do what the protocol allows, or weir, which never writes
    /// chunk extensions or white space before a colon.
    enum Writer { case peer, weir }

    let isRequests: Bool
    let writer: Writer
    private(set) var state = State.idle
    private(set) var messages: [SeenMessage] = []
    /// Interim responses so far.
    private(set) var interims = 0
    /// What came behind the switch to a tunnel.
    private(set) var tunnelBytes: [UInt8] = []
    private var answering = AnswerFraming.ordinary
    private var buffer: [UInt8] = []
    private var position = 0

    init(isRequests: Bool, writer: Writer) {
        self.isRequests = isRequests
        self.writer = writer
    }

    /// Bytes that belong to no message yet.
    var unread: Int { buffer.count - position }
    /// The first of them.
    var firstUnread: ArraySlice<UInt8> { buffer[position...] }
    /// A message or its head is under way.
    var isBusy: Bool { state != .idle && state != .tunnel }
    var breakage: String? { if case .broken(let text) = state { text } else { nil } }

    mutating func feed(_ bytes: ArraySlice<UInt8>) {
        if state == .tunnel {
            tunnelBytes += bytes
        } else {
            buffer += bytes
        }
    }

    /// Goes on with the next message.
    mutating func begin(_ kind: AnswerFraming = .ordinary) {
        answering = kind
        state = .head
    }

    /// From here on there are only bytes.
    mutating func becomeTunnel() {
        tunnelBytes += buffer[position...]
        position = buffer.count
        state = .tunnel
    }

    /// The writer ended the connection in good order.
    mutating func end() {
        if state != .untilClose { return }
        messages[messages.count - 1].isComplete = true
        state = .idle
    }

    /// Reads on as far as the message goes.
    mutating func advance() {
        while true {
            let before = (state, position)
            step()
            if before == (state, position) { break }
        }
        if position == buffer.count {
            buffer.removeAll(keepingCapacity: true)
            position = 0
        }
    }

    private mutating func step() {
        switch state {
        case .idle, .broken: return
        case .head: readHead()
        case .length(let left): takeContent(left) { $0 == 0 ? nil : .length($0) }
        case .chunk(let left): takeContent(left) { $0 == 0 ? .chunkEnd : .chunk($0) }
        case .chunkSize: readChunkSize()
        case .chunkEnd:
            guard let line = takeLine() else { return }
            state = line.isEmpty ? .chunkSize : .broken("a chunk's content goes on")
        case .trailers: readTrailer()
        case .untilClose: takeContent(unread) { _ in .untilClose }
        case .tunnel: becomeTunnel()
        case .unknown: position = buffer.count
        }
    }

    private mutating func takeContent(_ left: Int, _ next: (Int) -> State?) {
        let count = min(left, unread)
        if count == 0 && left > 0 { return }
        messages[messages.count - 1].content += buffer[position..<position + count]
        position += count
        if let following = next(left - count) {
            state = following
        } else {
            complete()
        }
    }

    private mutating func complete() {
        messages[messages.count - 1].isComplete = true
        state = .idle
    }

    // MARK: Chunks

    /// The next line without its CRLF, or nil while it is not whole.
    private mutating func takeLine() -> ArraySlice<UInt8>? {
        guard let feed = buffer[position...].firstIndex(of: 10) else { return nil }
        let line = buffer[position..<feed]
        position = feed + 1
        guard line.last == 13 else {
            state = .broken("a line feed alone")
            return nil
        }
        return line.dropLast()
    }

    private mutating func readChunkSize() {
        guard let line = takeLine() else { return }
        var size = 0
        var digits = 0
        for byte in line {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 128 else { break }
            size = min(size, 1 << 40) * 16 + digit
            digits += 1
        }
        if digits == 0 || (writer == .weir && digits != line.count) {
            state = .broken("a chunk size with something else")
        } else {
            state = size == 0 ? .trailers : .chunk(size)
        }
    }

    private mutating func readTrailer() {
        guard let line = takeLine() else { return }
        if line.isEmpty { return complete() }
        if writer == .weir, (try? FieldLines(Array(line) + [13, 10])) == nil {
            state = .broken("a malformed trailer")
        }
    }

    // MARK: Heads

    private mutating func readHead() {
        // A request may have empty lines before it (RFC 9112 §2.2).
        if isRequests && writer == .peer {
            while unread >= 2 && buffer[position] == 13 && buffer[position + 1] == 10 { position += 2 }
        }
        guard let end = endOfHead() else { return }
        let head = Array(buffer[position..<end])
        position = end
        do throws(BrokenProperty) {
            guard let lineEnd = head.firstIndex(of: 10), lineEnd > 0, head[lineEnd - 1] == 13 else {
                throw BrokenProperty("a start line without CRLF")
            }
            let parts = try isRequests ? requestLine(head, lineEnd - 1) : statusLine(head, lineEnd - 1)
            let fields = Array(head.dropLast(2))
            let lines = try FieldLines(fields, from: lineEnd + 1, allowsSpace: writer == .peer)
            try choose(SeenMessage(head: head, lines: lines, parts: parts))
        } catch {
            state = .broken(error.text)
        }
    }

    private func endOfHead() -> Int? {
        var index = position
        while let feed = buffer[index...].firstIndex(of: 10) {
            if feed >= position + 3 && buffer[feed - 1] == 13 && buffer[feed - 2] == 10
                && buffer[feed - 3] == 13
            {
                return feed + 1
            }
            index = feed + 1
        }
        return nil
    }

    private func requestLine(_ head: [UInt8], _ end: Int) throws(BrokenProperty)
        -> (Range<Int>, Range<Int>, Range<Int>)
    {
        guard let first = head[..<end].firstIndex(of: 32),
            let second = head[(first + 1)..<end].firstIndex(of: 32)
        else { throw BrokenProperty("a request line with too few parts") }
        try require(first > 0 && head[..<first].allSatisfy(isTokenByte), "a method that is no token")
        let target = first + 1..<second
        try require(!target.isEmpty && head[target].allSatisfy { $0 > 32 && $0 < 127 }, "an invisible target")
        let version = second + 1..<end
        try require(
            version.count == 8 && head[version].starts(with: "HTTP/1.".utf8) && isDigit(head[end - 1]),
            "another version"
        )
        return (0..<first, target, version)
    }

    private func statusLine(_ head: [UInt8], _ end: Int) throws(BrokenProperty)
        -> (Range<Int>, Range<Int>, Range<Int>)
    {
        try require(
            end >= 12 && head.starts(with: "HTTP/1.".utf8) && isDigit(head[7]) && head[8] == 32
                && head[9..<12].allSatisfy(isDigit) && (end == 12 || head[12] == 32),
            "no status line"
        )
        try require(head[9] != 48, "status below 100")
        try require(head[12..<end].allSatisfy(isTextByte), "a control character in the reason")
        return (0..<8, 9..<12, min(13, end)..<end)
    }

    private func isDigit(_ byte: UInt8) -> Bool { byte >= 48 && byte <= 57 }

    /// Judges a whole head and decides what follows it.
    private mutating func choose(_ message: SeenMessage) throws(BrokenProperty) {
        let status = isRequests ? 0 : message.status
        if !isRequests && status < 200 && status != 101 {
            interims += 1
            return
        }
        messages.append(message)
        let isBare =
            isRequests
            ? message.answerKind == .connect
            : answering == .head || status == 204 || status == 304 || (answering == .connect && status < 300)
        if status == 101 || (!isRequests && answering == .connect && status < 300) {
            messages[messages.count - 1].isComplete = true
            state = .tunnel
        } else if isBare {
            complete()
        } else {
            try chooseFraming(message)
        }
        if answering == .unknown && state != .idle { state = .unknown }
    }

    private mutating func chooseFraming(_ message: SeenMessage) throws(BrokenProperty) {
        let codings = message.lines.count(message.head, "transfer-encoding")
        let lengths = message.lines.count(message.head, "content-length")
        try require(codings == 0 || lengths == 0, "both Content-Length and Transfer-Encoding")
        try require(codings <= 1 && lengths <= 1, "a framing field twice")
        if codings == 1 {
            try require(message.has("transfer-encoding", "chunked"), "a coding that is not chunked")
            state = .chunkSize
        } else if let length = message.lines.first(message.head, "content-length") {
            var size = 0
            try require(!length.value.isEmpty, "an empty Content-Length")
            for byte in message.head[length.value] {
                try require(isDigit(byte), "a Content-Length that is no number")
                size = min(size, 1 << 40) * 10 + Int(byte) - 48
            }
            if size == 0 { complete() } else { state = .length(size) }
        } else if isRequests {
            complete()
        } else {
            messages[messages.count - 1].endsWithConnection = true
            state = .untilClose
        }
    }
}
