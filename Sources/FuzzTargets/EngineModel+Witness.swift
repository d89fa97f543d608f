import ProxyCore

// What the peers see of weir, judged: responses belong to requests, requests to clients, and content is whole.
extension EngineModel {
    func judge(_ connection: EngineConnection) {
        if violation != nil { return }
        if connection.id.side == .client {
            judgeClient(connection)
        } else if !connection.isTunnel {
            judgeOrigin(connection)
        }
    }

    // MARK: A client's view

    private func judgeClient(_ client: EngineConnection) {
        while violation == nil {
            client.got.advance()
            if let text = client.got.breakage { return violate("a client is sent \(text)") }
            if client.got.interims > client.judgedInterims {
                client.judgedInterims = client.got.interims
                guard let request = client.current, !request.isHTTP10 else {
                    return violate("an interim response to nothing or to HTTP/1.0")
                }
            }
            while client.judgedHeads < client.got.messages.count && violation == nil {
                client.judgedHeads += 1
                judgeResponseHead(client, client.judgedHeads - 1)
            }
            while client.judgedMessages < client.got.messages.count && violation == nil,
                client.got.messages[client.judgedMessages].isComplete
            {
                client.judgedMessages += 1
                judgeResponse(client, client.judgedMessages - 1)
            }
            guard client.got.state == .idle, client.got.unread > 0 else { return }
            beginResponse(client)
        }
    }

    private func beginResponse(_ client: EngineConnection) {
        if client.hasAnnouncedClose { return violate("bytes behind the last response") }
        client.readRequests()
        let index = client.got.messages.count
        if index < client.sent.messages.count {
            client.got.begin(client.sent.messages[index].answerKind)
        } else if client.sent.isBusy || client.sent.unread > 0 {
            client.got.begin(.unknown)
        } else {
            violate("bytes for a client that has asked for nothing")
        }
    }

    private func judgeResponseHead(_ client: EngineConnection, _ index: Int) {
        let response = client.got.messages[index]
        let request = index < client.sent.messages.count ? client.sent.messages[index] : nil
        if !response.head.starts(with: "HTTP/1.1 ".utf8) { return violate("another version for a client") }
        let announcesClose = response.has("connection", "close")
        if client.got.state == .tunnel {
            return judgeSwitch(client, index, isConnect: response.status != 101)
        }
        client.hasAnnouncedClose = announcesClose
        if !announcesClose {
            guard let request, request.isComplete else {
                return violate("the connection lives on, and the request was not read whole")
            }
            if request.isHTTP10 { return violate("a connection of an HTTP/1.0 client lives on") }
        }
        if response.isOwn { return }
        if request == nil { return violate("an origin's response to a request that cannot be read") }
        let deliveries = index < client.deliveries.count ? client.deliveries[index].count : 0
        if deliveries == 0 { return violate("an origin's response to a request that it never got") }
        for (name, most) in [
            ("proxy-authenticate", 0), ("proxy-connection", 0), ("te", 0),
            // weir writes these itself.
            ("keep-alive", 1), ("transfer-encoding", 1), ("connection", 2),
        ] where response.lines.count(response.head, name) > most {
            return violate("\(name) is passed on to a client")
        }
    }

    /// From here on the client has a tunnel.
    private func judgeSwitch(_ client: EngineConnection, _ index: Int, isConnect: Bool) {
        guard index < client.sent.messages.count, client.sent.messages[index].isComplete else {
            return violate("a tunnel before the request was whole")
        }
        client.sent.becomeTunnel()
        if isConnect { return }
        let request = client.sent.messages[index]
        guard request.has("connection", "upgrade"), request.lines.first(request.head, "upgrade") != nil,
            index < client.deliveries.count, let delivery = client.deliveries[index].last
        else { return violate("a switch that was not asked for") }
        delivery.origin.got.becomeTunnel()
    }

    /// A response that came to its end has the content that the origin sent, whole.
    private func judgeResponse(_ client: EngineConnection, _ index: Int) {
        let response = client.got.messages[index]
        if response.isOwn || client.got.state == .tunnel { return }
        guard index < client.sent.messages.count else { return }
        for original in originals(client, index) where original.status == response.status {
            if original.isComplete && original.content == response.content { return }
        }
        violate("a complete response is not what the origin sent")
    }

    private func originals(_ client: EngineConnection, _ index: Int) -> [SeenMessage] {
        guard index < client.deliveries.count else { return [] }
        return client.deliveries[index].compactMap { delivery in
            delivery.origin.readResponses()
            let responses = delivery.origin.sent.messages
            return delivery.index < responses.count ? responses[delivery.index] : nil
        }
    }

    // MARK: An origin's view

    private func judgeOrigin(_ origin: EngineConnection) {
        while violation == nil {
            if origin.got.state == .tunnel { return }
            origin.got.advance()
            if let text = origin.got.breakage { return violate("an origin is sent \(text)") }
            while origin.judgedHeads < origin.got.messages.count && violation == nil {
                origin.judgedHeads += 1
                judgeRequestHead(origin, origin.judgedHeads - 1)
            }
            while origin.judgedMessages < origin.got.messages.count && violation == nil,
                origin.got.messages[origin.judgedMessages].isComplete
            {
                origin.judgedMessages += 1
                judgeRequest(origin, origin.judgedMessages - 1)
            }
            guard origin.got.state == .idle, origin.got.unread > 0 else { return }
            origin.readResponses()
            if origin.sent.messages.count != origin.got.messages.count || origin.sent.isBusy {
                return violate("a request on a connection whose last one is not answered")
            }
            origin.got.begin()
        }
    }

    private func judgeRequestHead(_ origin: EngineConnection, _ index: Int) {
        let request = origin.got.messages[index]
        for name in ["proxy-authorization", "proxy-connection", "keep-alive", "http2-settings"]
        where request.lines.count(request.head, name) > 0 {
            return violate("\(name) is passed on to an origin")
        }
        if request.lines.count(request.head, "host") != 1 { return violate("not one Host for an origin") }
        if request.isHTTP10 { return violate("another version for an origin") }
        let exchanges = clients.compactMap { client in
            client.current.map(request.isForwarded) == true
                ? EngineConnection.Exchange(client: client, index: client.answered) : nil
        }
        if exchanges.isEmpty { return violate("an origin gets a request that no client has sent") }
        while origin.origins.count <= index { origin.origins.append([]) }
        origin.origins[index] = exchanges
        for exchange in exchanges {
            let isCertain = exchanges.count == 1
            exchange.client.addDelivery(
                .init(origin: origin, index: index, isCertain: isCertain),
                to: exchange.index
            )
        }
        guard let asked = request.destination, endpoint(asked.host) == origin.destination else {
            return violate("a request reaches another origin")
        }
        // Two clients with the same request at once cannot be told apart.
        guard exchanges.count == 1, let exchange = exchanges.first else { return }
        judgeOnly(request, exchange)
    }

    /// The request of one client: not repeated where that is not safe, and nothing invented.
    private func judgeOnly(_ request: SeenMessage, _ exchange: EngineConnection.Exchange) {
        let original = exchange.client.sent.messages[exchange.index]
        let hasContent =
            original.lines.count(original.head, "content-length") > 0
            || original.lines.count(original.head, "transfer-encoding") > 0
        let most = original.isRepeatable && !hasContent ? 2 : 1
        if exchange.client.deliveries[exchange.index].count(where: \.isCertain) > most {
            return violate("a request is sent more often than it may be")
        }
        let rewritten = ["host", "via", "connection", "te", "upgrade", "transfer-encoding", "max-forwards"]
        for line in request.lines.lines {
            if rewritten.contains(where: { equal(request.head, line.name, $0) }) { continue }
            let isThere = original.lines.lines.contains { other in
                equal(request.head, line.name, original.head, other.name)
                    && request.head[line.value].elementsEqual(original.head[other.value])
            }
            if !isThere { return violate("an origin gets a field that the client did not send") }
        }
    }

    private func judgeRequest(_ origin: EngineConnection, _ index: Int) {
        let request = origin.got.messages[index]
        for exchange in origin.origins[index] {
            let original = exchange.client.sent.messages[exchange.index]
            if original.isComplete && original.content == request.content { return }
        }
        violate("a complete request is not what the client sent")
    }

    /// `host:port` as dials name it.
    private func endpoint(_ authority: ArraySlice<UInt8>) -> [UInt8] {
        var host = authority
        var port = Array("80".utf8)[...]
        let colon = authority.lastIndex(of: UInt8(ascii: ":"))
        let bracket = authority.lastIndex(of: UInt8(ascii: "]"))
        if let colon, colon > bracket ?? authority.startIndex {
            host = authority[..<colon]
            let digits = authority[(colon + 1)...].drop { $0 == 48 }
            if !digits.isEmpty { port = digits }
        }
        if bracket != nil { host = host.dropFirst().dropLast() }
        return host.map(lowered) + [UInt8(ascii: ":")] + port
    }

    // MARK: Ends

    /// The engine says that an exchange has come to its end: so it has for both peers.
    func judgeCompleted(_ client: EngineConnection) {
        switch client.got.state {
        case .idle, .tunnel, .untilClose, .unknown: break
        default: return violate("an exchange is completed, and its response is not")
        }
        let index = max(0, client.got.messages.count - 1)
        guard index < client.deliveries.count, let delivery = client.deliveries[index].last,
            delivery.origin.isOpen, delivery.index == delivery.origin.got.messages.count - 1
        else { return }
        let isWhole = delivery.origin.got.messages[delivery.index].isComplete
        if client.got.state != .tunnel && !client.hasAnnouncedClose && !isWhole {
            violate("an exchange is completed, and its request is not")
        }
    }

    /// What a connection got up to its end is the beginning of what was sent, if no more.
    func judgeEnd(_ connection: EngineConnection) {
        if violation != nil { return }
        let messages = connection.got.messages
        if connection.got.state == .tunnel {
            if connection.id.side == .client { judgeTunnel(connection) }
        } else if let message = messages.last, !message.isComplete {
            let index = messages.count - 1
            let isPart: Bool
            if connection.id.side == .client {
                isPart =
                    message.isOwn
                    || originals(connection, index).contains { $0.content.starts(with: message.content) }
            } else {
                isPart = connection.origins[index].contains { exchange in
                    exchange.client.sent.messages[exchange.index].content.starts(with: message.content)
                }
            }
            if !isPart { violate("content is not what was sent") }
        }
    }

    private func judgeTunnel(_ client: EngineConnection) {
        let index = client.got.messages.count - 1
        let request = client.sent.messages[index]
        let isConnect = request.answerKind == .connect
        let ends =
            isConnect
            ? all.filter { $0.isTunnel } : client.deliveries[index].map(\.origin)
        let isRelayed = ends.contains { end in
            end.sent.tunnelBytes.starts(with: client.got.tunnelBytes)
                && client.sent.tunnelBytes.starts(with: end.got.tunnelBytes)
        }
        if !isRelayed { violate("a tunnel's bytes are not what was sent") }
    }
}
