/// Reads HTTP/1.1 messages as a peer would, independently of the product's parser: it is the judge of
/// what the proxy wrote.
struct MessageReader {
    enum State: Equatable {
        case head, length(Int), chunkSize, chunk(Int), chunkEnd, trailers, untilClose, complete
        case broken(String)
    }

    let isResponse: Bool
    /// The message answers a HEAD request, or a CONNECT.
    var isAnsweringHead = false
    var isAnsweringConnect = false
    private(set) var state = State.head
    private(set) var startLine = ""
    private(set) var fields: [String: String] = [:]
    private(set) var content: [UInt8] = []
    private(set) var unread = ByteQueue()

    init(isResponse: Bool) { self.isResponse = isResponse }

    /// Any byte of the message has come.
    var hasStarted: Bool { state != .head || !unread.isEmpty }
    var hasHead: Bool { state != .head }
    var isComplete: Bool { state == .complete }

    var status: Int { isResponse ? Int(startLine.split(separator: " ").dropFirst().first ?? "") ?? 0 : 0 }
    var method: String { String(startLine.prefix { $0 != " " }) }
    var target: String {
        let parts = startLine.split(separator: " ")
        return parts.count > 1 ? String(parts[1]) : ""
    }

    /// More bytes came; reads as far as this message goes.
    mutating func feed(_ bytes: [UInt8]) {
        unread.append(bytes[...])
        advance()
    }

    /// The connection ended cleanly.
    mutating func end() {
        if state == .untilClose { state = .complete }
    }

    /// On to the next message.
    mutating func next() {
        state = .head
        fields = [:]
        content = []
        startLine = ""
        advance()
    }

    /// Everything behind the message: a tunnel's bytes.
    mutating func takeUnread() -> [UInt8] { unread.take(unread.count) }

    private mutating func advance() {
        while true {
            let before = (state, unread.count)
            step()
            if before == (state, unread.count) { return }
        }
    }

    private mutating func step() {
        switch state {
        case .head: readHead()
        case .length(let left): state = takeContent(left).map { $0 == 0 ? .complete : .length($0) } ?? state
        case .chunk(let left): state = takeContent(left).map { $0 == 0 ? .chunkEnd : .chunk($0) } ?? state
        case .chunkSize: readChunkSize()
        case .chunkEnd:
            guard let line = takeLine() else { return }
            state = line.isEmpty ? .chunkSize : .broken("chunk end")
        case .trailers:
            guard let line = takeLine() else { return }
            if line.isEmpty { state = .complete }
        case .untilClose: content += unread.take(unread.count)
        case .complete, .broken: return
        }
    }

    private mutating func takeContent(_ left: Int) -> Int? {
        let count = min(left, unread.count)
        if count == 0 && left > 0 { return nil }
        content += unread.take(count)
        return left - count
    }

    private mutating func readChunkSize() {
        guard let line = takeLine() else { return }
        guard let size = Int(line.prefix { $0 != ";" }, radix: 16) else {
            state = .broken("chunk size \(line)")
            return
        }
        state = size == 0 ? .trailers : .chunk(size)
    }

    private mutating func takeLine() -> String? {
        let slice = unread.slice
        guard let feed = slice.firstIndex(of: 10) else { return nil }
        let line = unread.take(feed - slice.startIndex + 1)
        if line.count < 2 || line[line.count - 2] != 13 { state = .broken("bare line feed") }
        return String(decoding: line.dropLast(2), as: UTF8.self)
    }

    private mutating func readHead() {
        let slice = unread.slice
        guard let end = endOfHead(slice) else { return }
        let text = String(decoding: unread.take(end - slice.startIndex), as: UTF8.self)
        let lines = text.utf8.split(separator: 10).map { String($0.dropLast()) ?? "" }
        startLine = lines.first ?? ""
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields[line[..<colon].lowercased()] = String(line[line.index(after: colon)...].drop { $0 == " " })
        }
        chooseFraming()
    }

    private func endOfHead(_ slice: ArraySlice<UInt8>) -> Int? {
        var index = slice.startIndex
        while index + 3 < slice.endIndex {
            if slice[index + 3] == 10 {
                if slice[index + 2] == 13 && slice[index + 1] == 10 && slice[index] == 13 { return index + 4 }
                index += 1
            } else {
                index += 1
            }
        }
        return nil
    }

    private mutating func chooseFraming() {
        let status = status
        if isResponse && (!startLine.hasPrefix("HTTP/1.") || status < 100) {
            state = .broken(startLine)
        } else if isResponse
            && (isAnsweringHead || status < 200 || status == 204 || status == 304
                || (isAnsweringConnect && status < 300))
        {
            state = .complete
        } else if fields["transfer-encoding"] == "chunked" {
            state = .chunkSize
        } else if let length = fields["content-length"] {
            state = Int(length).map { $0 == 0 ? .complete : .length($0) } ?? .broken("length")
        } else {
            state = isResponse ? .untilClose : .complete
        }
    }
}
