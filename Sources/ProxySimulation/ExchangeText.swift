import Basics

// What the two ends of an exchange put on the wire.
extension ExchangePlan {
    /// For traces.
    var summary: String {
        let request = "\(method) \(id) 1.\(isHTTP10 ? 0 : 1) \(requestFraming) \(requestContent)"
        return "\(request) -> \(responseFraming) \(responseContent) \(fault)"
    }

    /// The request's head as the client sends it.
    func requestHead() -> String {
        let host = "o\(origin).test"
        var head: String
        if isConnect {
            head = "CONNECT \(host):\(tunnelPort) HTTP/1.1\r\nHost: \(host):\(tunnelPort)\r\n"
        } else if isIntercepted {
            head = "\(method) /x/\(id) HTTP/1.\(isHTTP10 ? 0 : 1)\r\nHost: \(host)\r\n"
        } else {
            head = "\(method) http://\(host)/x/\(id) HTTP/1.\(isHTTP10 ? 0 : 1)\r\nHost: \(host)\r\n"
        }
        switch requestFraming {
        case .none: break
        case .length: head += "Content-Length: \(requestContent)\r\n"
        case .chunked: head += "Transfer-Encoding: chunked\r\n"
        }
        if expectsContinue { head += "Expect: 100-continue\r\n" }
        if offersUpgrade { head += "Connection: upgrade\r\nUpgrade: test\r\n" }
        if asksClose { head += "Connection: close\r\n" }
        return head + "\r\n"
    }

    /// The final response's head as the origin sends it.
    func responseHead(announcesClose: Bool) -> String {
        var head = "HTTP/1.\(isOriginHTTP10 ? 0 : 1) \(status) Status\r\nX-Exchange: \(id)\r\n"
        switch responseFraming {
        case .none, .untilClose: break
        case .length: head += "Content-Length: \(responseContent)\r\n"
        case .chunked: head += "Transfer-Encoding: chunked\r\n"
        }
        if announcesClose { head += "Connection: close\r\n" }
        return head + "\r\n"
    }
}

/// Cuts content into chunks; without an end the message stays unfinished.
func chunks(_ content: [UInt8], _ world: World, hasEnd: Bool) -> [UInt8] {
    var bytes: [UInt8] = []
    var position = 0
    while position < content.count {
        let count = min(content.count - position, 1 + world.random.below(world.random.oneIn(4) ? 5 : 900))
        let ext = world.random.oneIn(4) ? ";ext=\"a b\"" : ""
        bytes += Array((String(count, radix: 16) + ext + "\r\n").utf8)
        bytes += content[position..<position + count]
        bytes += [13, 10]
        position += count
    }
    if hasEnd { bytes += Array((world.random.oneIn(4) ? "0\r\nX-Trailer: t\r\n\r\n" : "0\r\n\r\n").utf8) }
    return bytes
}
