import HTTPWire

/// What must hold for a request target and for a Host field: what is taken from it lies inside, is safe to
/// write into a head, and is read the same again.
struct TargetProperties {
    private let input: [UInt8]
    private let mistake: PlantedMistake?

    private static let room = HeadLimits(headSize: 1 << 20, fields: 16, uriSize: 1 << 20)

    init(_ input: [UInt8], _ mistake: PlantedMistake?) {
        self.input = input
        self.mistake = mistake
    }

    func check() throws(BrokenProperty) {
        for method in ["GET", "CONNECT", "OPTIONS"] { try checkTarget(of: method) }
        try checkHost()
    }

    private func checkTarget(of method: String) throws(BrokenProperty) {
        let head = Array("\(method) ".utf8) + input + Array(" HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        var reader = HeadReader(.request, TargetProperties.room)
        guard reader.read(head.span) == .read, let request = reader.request else { return }
        // An input with a space or line end in it is another head than was meant, and good as well.
        guard var target = try? RequestTarget.parse(head.span, head: request) else { return }
        if mistake == .longerHost { target.host.end += 1 }
        if mistake == .otherPort && target.form != .origin { target.port ^= 1 }
        let whole = request.target
        switch target.form {
        case .origin, .asterisk:
            try require(target.path == whole, "a path that is not the target")
            try require(target.host.isEmpty && target.authority.isEmpty, "a host out of nothing")
            try require(method != "CONNECT", "CONNECT to a path")
            let first = head[Int(whole.start)]
            try require(
                first == (target.form == .origin ? UInt8(ascii: "/") : UInt8(ascii: "*")),
                "the form does not fit"
            )
        case .authority:
            try require(request.method == .connect, "a bare authority without CONNECT")
            try require(target.authority == whole && target.path.isEmpty, "parts of an authority are lost")
            try checkAuthority(head, target, defaultPort: nil)
        case .absolute:
            try require(
                target.authority.end == target.path.start && target.path.end == whole.end
                    && Int(target.authority.start) > Int(whole.start) + 3,
                "parts of an absolute target are lost"
            )
            try require(
                Array(head[Int(target.authority.start) - 3..<Int(target.authority.start)])
                    == Array("://".utf8),
                "no :// before the authority"
            )
            if let first = head[target.path.range].first {
                try require(first == UInt8(ascii: "/") || first == UInt8(ascii: "?"), "a path without /")
            }
            let standard: UInt16 = target.scheme == .http ? 80 : target.scheme == .https ? 443 : 0
            try checkAuthority(head, target, defaultPort: standard)
        }
    }

    private func checkAuthority(_ head: [UInt8], _ target: RequestTarget, defaultPort: UInt16?)
        throws(BrokenProperty)
    {
        try require(!target.host.isEmpty, "an empty host")
        let bracket: UInt32 = target.hostIsIPv6Literal ? 1 : 0
        try require(target.host.start == target.authority.start + bracket, "the host begins elsewhere")
        try require(target.host.end + bracket <= target.authority.end, "the host ends outside")
        for index in target.authority.range {
            let byte = head[index]
            try require(
                byte > 32 && byte < 127 && byte != UInt8(ascii: "/") && byte != UInt8(ascii: "@")
                    && byte != UInt8(ascii: "?") && byte != UInt8(ascii: "\\"),
                "an authority that could be taken for something else"
            )
        }
        let portStart = Int(target.host.end + bracket)
        let portText = head[portStart..<Int(target.authority.end)]
        if portText.count > 1 {
            let written = String(decoding: portText.dropFirst(), as: UTF8.self)
            try require(portText.first == UInt8(ascii: ":"), "no colon before the port")
            try require(UInt16(written) == target.port && target.port > 0, "another port than written")
        } else {
            try require(target.port == defaultPort, "another port than the scheme's")
        }
        try checkAgain(head, target, defaultPort)
    }

    /// The authority alone, as in a Host field, is read the same.
    private func checkAgain(_ head: [UInt8], _ target: RequestTarget, _ defaultPort: UInt16?)
        throws(BrokenProperty)
    {
        let alone = Array(head[target.authority.range])
        let range = ByteRange(0, alone.count)
        guard
            let again = try? RequestTarget.parseAuthority(alone.span, range, defaultPort: defaultPort)
        else { throw BrokenProperty("the authority alone is refused") }
        try require(again.port == target.port, "the authority alone has another port")
        try require(again.isIPv6Literal == target.hostIsIPv6Literal, "the authority alone is another literal")
        try require(
            Array(alone[again.host.range]) == Array(head[target.host.range]),
            "the authority alone has another host"
        )
    }

    /// The input as the value of a Host field.
    private func checkHost() throws(BrokenProperty) {
        let bytes = Array("GET http://a/ HTTP/1.1\r\nHost: ".utf8) + input + [13, 10, 13, 10]
        var reader = HeadReader(.request, TargetProperties.room)
        guard reader.read(bytes.span) == .read, let head = reader.request,
            let host = try? RequestTarget.checkHost(bytes.span, head, reader.fields), !host.isEmpty
        else { return }
        guard let parts = try? RequestTarget.parseAuthority(bytes.span, host, defaultPort: 80) else {
            throw BrokenProperty("an accepted Host is no authority")
        }
        try require(
            parts.host.start >= host.start && parts.host.end <= host.end && !parts.host.isEmpty,
            "the host of a Host field lies outside"
        )
        try require(parts.port > 0, "a Host field with port 0")
    }
}
