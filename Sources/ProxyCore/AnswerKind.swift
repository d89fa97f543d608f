import HTTPWire

/// What a client is told for each cause: status, RFC 9209 error type, what happened, what to look at.
struct AnswerKind {
    var status: UInt16
    /// RFC 9209 §2.3 error type.
    var token: String
    /// What happened, in one readable line without a full stop.
    var reason: String
    /// What to look at; empty where the reason says it.
    var hint: String
    /// What is wrong with the message, for `details`; nil where no message is to blame.
    var detail: String?

    init(_ status: UInt16, _ token: String, _ reason: String, _ hint: String = "", detail: String? = nil) {
        self.status = status
        self.token = token
        self.reason = reason
        self.hint = hint
        self.detail = detail
    }

    init(_ cause: Cause, _ error: WireError?) {
        switch cause {
        case .badRequest, .notAbsolute, .schemeUnsupported, .loopDetected, .clientTimeout:
            self.init(ofRequest: cause, error)
        case .unauthenticated:
            self.init(407, "http_request_denied", "this proxy wants a user and a password that it knows")
        case .logInsBusy:
            self.init(503, "connection_limit_reached", "too many passwords are being looked at", "try again")
        case .parentRefused:
            self.init(
                502,
                "destination_unavailable",
                "the parent proxy refused the tunnel",
                "look at its log"
            )
        case .parentUnauthorized:
            self.init(
                502,
                "proxy_configuration_error",
                "the parent proxy does not accept weir's credentials",
                "upstream.proxy"
            )
        case .denied, .clientDenied, .hostDenied, .addressDenied: self.init(ofDenial: cause)
        case .nameNotFound, .nameTimeout, .nameError, .connectRefused, .connectUnreachable, .connectTimeout,
            .connectFailed:
            self.init(ofDial: cause)
        case .portsExhausted, .descriptorsExhausted, .queueFull, .queueTimeout, .tooManyTunnels:
            self.init(ofBound: cause)
        case .upstreamGone, .responseIncomplete, .upstreamSilent, .upstreamTimeout, .badResponse:
            self.init(ofResponse: cause, error)
        case .stopped: self.init(503, "proxy_internal_error", "the proxy is stopping", "try again")
        case .completed, .clientGone, .tunnelQuiet, .tunnelLeaked, .tooManyStalled, .halfClosed:
            self.init(500, "proxy_internal_error", "the exchange ended without a response")
        }
    }

    /// Passes on the status with which the parent proxy refused a tunnel, where it says something to the client:
    /// it is no redirection, and asks for no credentials, which would be another's.
    mutating func refused(with received: UInt16) {
        reason += " with \(received)"
        guard (400...599).contains(received), received != 401, received != 407 else { return }
        status = received
        switch received {
        case 504: token = "connection_timeout"
        case 500...: break
        default: token = "http_request_denied"
        }
    }

    /// The client asked for something that it cannot have.
    private init(ofRequest cause: Cause, _ error: WireError?) {
        // RFC 9209 §2.3: http_request_error is for 4xx; what is answered with 5xx without a look at the
        // origin is proxy_internal_response.
        switch cause {
        case .notAbsolute:
            self.init(
                400,
                "http_request_error",
                "this is a forward proxy: the request target must be an absolute http URI, or use CONNECT",
                "was the proxy meant as an origin?"
            )
        case .schemeUnsupported:
            self.init(
                501,
                "proxy_internal_response",
                "only http URIs are forwarded",
                "for https open a tunnel with CONNECT"
            )
        case .loopDetected:
            self.init(
                508,
                "proxy_loop_detected",
                "the request has passed this proxy before",
                "look at the proxies and redirections named in Via"
            )
        case .clientTimeout: self.init(408, "http_request_error", "the request did not arrive in time")
        default:
            let status = error?.status ?? 400
            let reason = error?.reason ?? "the request is malformed"
            self.init(
                status,
                status < 500 ? "http_request_error" : "proxy_internal_response",
                reason,
                AnswerKind.setting(error),
                detail: error?.reason
            )
        }
    }

    /// The settings do not allow it.
    private init(ofDenial cause: Cause) {
        let (token, reason, hint) =
            switch cause {
            case .clientDenied:
                (
                    "http_request_denied", "this client may not use the proxy",
                    "access.allow_clients, access.deny_clients"
                )
            case .hostDenied: ("http_request_denied", "this host is not allowed", "access.allow, access.deny")
            case .addressDenied:
                (
                    "destination_ip_prohibited", "the destination's address is not allowed",
                    "access.allow, access.deny, access.deny_private, access.deny_metadata"
                )
            default:
                (
                    "http_request_denied", "this port is not allowed",
                    "tunnel.allowed_ports, access.allowed_ports, access.deny"
                )
            }
        self.init(403, token, reason, hint)
    }

    /// No connection to the destination.
    private init(ofDial cause: Cause) {
        switch cause {
        case .nameNotFound: self.init(502, "dns_error", "the name does not exist", "check its spelling")
        case .nameTimeout:
            self.init(504, "dns_timeout", "the name servers did not answer", "dns.servers, dns.timeout")
        case .nameError: self.init(502, "dns_error", "the name could not be resolved", "dns.servers")
        case .connectRefused:
            self.init(
                502,
                "connection_refused",
                "the connection was refused",
                "is the service listening there?"
            )
        case .connectUnreachable:
            self.init(
                502,
                "destination_ip_unroutable",
                "no route to the destination",
                "look at routes and firewalls"
            )
        case .connectTimeout:
            self.init(
                504,
                "connection_timeout",
                "the connection attempt timed out",
                "look at firewalls, or raise upstream.connect_timeout"
            )
        default: self.init(502, "destination_unavailable", "the connection attempt failed", "see weir's log")
        }
    }

    /// A bound was reached.
    private init(ofBound cause: Cause) {
        let (reason, hint) =
            switch cause {
            case .portsExhausted:
                ("no source port is left towards the destination", "upstream.source_addresses adds some")
            case .descriptorsExhausted: ("no file descriptor is left", "raise LimitNOFILE or ulimit -n")
            case .queueFull: ("too many requests wait for a connection", "upstream.max_queue")
            case .queueTimeout:
                ("no connection became free in time", "upstream.queue_timeout, upstream.max_per_destination")
            default: ("too many tunnels are open", "tunnel.max")
            }
        self.init(503, "connection_limit_reached", reason, hint)
    }

    /// There was a connection, but no response that can be passed on.
    private init(ofResponse cause: Cause, _ error: WireError?) {
        switch cause {
        case .upstreamGone:
            self.init(
                502,
                "connection_terminated",
                "the origin closed the connection before it answered",
                "look at the origin's log"
            )
        case .responseIncomplete:
            self.init(
                502,
                "http_response_incomplete",
                "the origin closed the connection in the middle of its answer",
                "look at the origin's log"
            )
        case .upstreamSilent:
            self.init(
                504,
                "connection_write_timeout",
                "the origin acknowledged nothing of the request",
                "is the host up, and the path to it?"
            )
        case .upstreamTimeout:
            self.init(
                504,
                "http_response_timeout",
                "the origin did not answer in time",
                "upstream.response_timeout, client.write_timeout"
            )
        default:
            self.init(
                502,
                AnswerKind.token(ofResponse: error),
                "the origin's response is malformed" + (error.map { ": \($0.reason)" } ?? ""),
                AnswerKind.setting(error),
                detail: error?.reason
            )
        }
    }

    /// The setting that bounds what was too much.
    private static func setting(_ error: WireError?) -> String {
        switch error {
        case .headTooLarge, .trailersTooLarge: "limits.head_size"
        case .tooManyFields: "limits.fields"
        case .targetTooLong: "limits.uri_size"
        case .chunkExtensionsTooLong: "limits.chunk_extensions"
        default: ""
        }
    }

    /// RFC 9209 §2.3 error type of a response that breaks a rule.
    private static func token(ofResponse error: WireError?) -> String {
        switch error {
        case .headTooLarge, .tooManyFields: "http_response_header_section_size"
        case .transferEncodingInHTTP10, .malformedTransferEncoding, .unsupportedTransferCoding:
            "http_response_transfer_coding"
        case .upgradeNotOffered: "http_upgrade_failed"
        default: "http_protocol_error"
        }
    }
}
