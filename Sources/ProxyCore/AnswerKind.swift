import HTTPWire

/// What a client is told for each cause: status, RFC 9209 error type, one readable line.
struct AnswerKind {
    var status: UInt16
    /// RFC 9209 §2.3 error type.
    var token: String
    var reason: String

    init(_ status: UInt16, _ token: String, _ reason: String) {
        self.status = status
        self.token = token
        self.reason = reason
    }

    init(_ cause: Cause, _ error: WireError?) {
        switch cause {
        case .badRequest:
            self.init(error?.status ?? 400, "http_request_error", "the request is malformed")
        case .notAbsolute:
            self.init(
                400,
                "http_request_error",
                "this is a forward proxy: the request target must be an absolute http URI, or use CONNECT"
            )
        case .schemeUnsupported:
            self.init(
                501,
                "http_request_error",
                "only http URIs are forwarded; for https open a tunnel with CONNECT"
            )
        case .clientTimeout:
            self.init(408, "http_request_error", "the request did not arrive in time")
        case .denied:
            self.init(
                403,
                "http_request_denied",
                "CONNECT to this port is not allowed (tunnel.allowed_ports)"
            )
        case .nameNotFound: self.init(502, "dns_error", "the name does not exist")
        case .nameTimeout: self.init(504, "dns_timeout", "the name servers did not answer")
        case .nameError: self.init(502, "dns_error", "the name could not be resolved")
        case .connectRefused: self.init(502, "connection_refused", "the connection was refused")
        case .connectUnreachable: self.init(502, "destination_ip_unroutable", "no route to the destination")
        case .connectTimeout: self.init(504, "connection_timeout", "the connection attempt timed out")
        case .portsExhausted:
            self.init(503, "connection_limit_reached", "no source port is left towards the destination")
        case .descriptorsExhausted:
            self.init(503, "connection_limit_reached", "no file descriptor is left")
        case .connectFailed: self.init(502, "destination_unavailable", "the connection attempt failed")
        case .queueFull:
            self.init(
                503,
                "connection_limit_reached",
                "too many requests wait for a connection (upstream.max_queue)"
            )
        case .queueTimeout:
            self.init(
                503,
                "connection_limit_reached",
                "no connection became free in time (upstream.queue_timeout)"
            )
        case .tooManyTunnels:
            self.init(503, "connection_limit_reached", "too many tunnels are open (tunnel.max)")
        case .upstreamGone:
            self.init(502, "connection_terminated", "the origin closed the connection before it answered")
        case .upstreamSilent:
            self.init(504, "connection_timeout", "the origin acknowledged nothing of the request")
        case .upstreamTimeout: self.init(504, "http_response_timeout", "the origin did not answer in time")
        case .badResponse: self.init(502, "http_protocol_error", "the origin's response is malformed")
        case .stopped: self.init(503, "proxy_internal_error", "the proxy is stopping")
        case .completed, .clientGone, .tunnelQuiet, .halfClosed:
            self.init(500, "proxy_internal_error", "the exchange ended without a response")
        }
    }

    /// The reason phrase of the status line.
    var phrase: String {
        switch status {
        case 400: "Bad Request"
        case 403: "Forbidden"
        case 408: "Request Timeout"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 431: "Request Header Fields Too Large"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        default: "Error"
        }
    }
}
