import HTTPWire

/// What must hold for the first bytes of a connection: what is decided stays decided whatever follows and however
/// it is cut, what is called HTTP/1 can be read as it, and nothing but a host name comes out of a ClientHello.
struct FirstBytesProperties {
    private let input: [UInt8]
    private let mistake: PlantedMistake?

    init(_ input: [UInt8], _ mistake: PlantedMistake?) {
        self.input = input
        self.mistake = mistake
    }

    func check() throws(BrokenProperty) {
        try checkKind()
        try checkName()
        try checkRecords()
    }

    private func classify(_ count: Int) -> FirstBytes {
        let isEarly = mistake == .decideEarly && count + 1 == input.count
        return isEarly ? .raw : FirstBytes.classify(Array(input[..<count]).span)
    }

    private func checkKind() throws(BrokenProperty) {
        var decided = FirstBytes.undecided
        for count in 0...input.count {
            let kind = classify(count)
            if case .undecided = decided {
                decided = kind
            } else {
                try require(kind == decided, "decided otherwise after \(count) bytes")
            }
        }
        let settled = FirstBytes.settle(input.span)
        if case .undecided = settled { throw BrokenProperty("nothing is made of undecided bytes") }
        if case .undecided = decided {
            try require(settled == .http1 || settled == .raw, "undecided bytes are settled for more")
        } else {
            try require(settled == decided, "decided bytes are settled for something else")
        }
        if decided == .http1 { try checkRequestLine() }
        if decided == .tls { try require(input[0] == 22 && input[5] == 1, "TLS without a ClientHello") }
    }

    /// With a Host and an end behind the line it is a head that the parser takes.
    private func checkRequestLine() throws(BrokenProperty) {
        guard let end = input.firstIndex(of: 10) else { throw BrokenProperty("a request line without end") }
        let head = Array(input[...end]) + Array("Host: a\r\n\r\n".utf8)
        var reader = HeadReader(.request, HeadLimits(headSize: 1 << 20, fields: 4, uriSize: 1 << 20))
        try require(reader.read(head.span) == .read, "HTTP/1 that the head parser refuses")
        try require(reader.request?.method != .connect, "CONNECT is taken for a request to an origin")
    }

    private func checkName() throws(BrokenProperty) {
        var found = ClientHello.ServerName.incomplete
        for count in 0...input.count {
            let name = ClientHello.serverName(Array(input[..<count]).span)
            try require(found == .incomplete || name == found, "another name after \(count) bytes")
            found = name
        }
        guard case .named(var name) = found else { return }
        if mistake == .dirtyName { name.append(10) }
        try require((1...253).contains(name.count), "a name of \(name.count) bytes")
        for byte in name {
            let isName =
                (97...122).contains(byte) || (48...57).contains(byte) || [45, 46, 95].contains(byte)
            try require(isName, "a byte that is none of a host name's: \(byte)")
        }
        try require(name.first != 46 && name.last != 46, "a name with an empty label")
    }

    /// The input as a message in records of every size up to eight bytes is read the same.
    private func checkRecords() throws(BrokenProperty) {
        guard !input.isEmpty else { return }
        let whole = ClientHello.serverName(records(of: 16384).span)
        for size in [1, 2, 3, 5, 8] {
            let cut = ClientHello.serverName(records(of: size).span)
            try require(cut == whole, "records of \(size) bytes make a difference")
        }
    }

    private func records(of size: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        var start = 0
        while start < input.count {
            let part = input[start..<min(start + size, input.count)]
            bytes += [22, 3, 3, UInt8(part.count >> 8), UInt8(part.count & 255)] + part
            start += size
        }
        return bytes
    }
}
