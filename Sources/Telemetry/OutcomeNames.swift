public import ClientPolicy
public import ProxyCore
public import UpstreamPool

// The names under which outcomes appear in logs, metrics and `/status`. They are an interface: dashboards and
// alerts match on them, so a name is never changed, whatever becomes of the case behind it.

extension Cause {
    /// Stable name in lower case with underscores.
    public var name: String {
        switch self {
        case .completed: "completed"
        case .clientGone: "client_gone"
        case .badRequest: "bad_request"
        case .notAbsolute: "not_absolute"
        case .loopDetected: "loop_detected"
        case .schemeUnsupported: "scheme_unsupported"
        case .clientTimeout: "client_timeout"
        case .denied: "denied"
        case .clientDenied: "client_denied"
        case .hostDenied: "host_denied"
        case .addressDenied: "address_denied"
        case .unauthenticated: "unauthenticated"
        case .logInsBusy: "log_ins_busy"
        case .nameNotFound: "name_not_found"
        case .nameTimeout: "name_timeout"
        case .nameError: "name_error"
        case .connectRefused: "connect_refused"
        case .connectUnreachable: "connect_unreachable"
        case .connectTimeout: "connect_timeout"
        case .portsExhausted: "ports_exhausted"
        case .descriptorsExhausted: "descriptors_exhausted"
        case .connectFailed: "connect_failed"
        case .queueFull: "queue_full"
        case .queueTimeout: "queue_timeout"
        case .tooManyTunnels: "too_many_tunnels"
        case .upstreamGone: "upstream_gone"
        case .responseIncomplete: "response_incomplete"
        case .upstreamSilent: "upstream_silent"
        case .upstreamTimeout: "upstream_timeout"
        case .badResponse: "bad_response"
        case .parentRefused: "parent_refused"
        case .parentUnauthorized: "parent_unauthorized"
        case .tunnelQuiet: "tunnel_quiet"
        case .tunnelLeaked: "tunnel_leaked"
        case .tooManyStalled: "too_many_stalled"
        case .halfClosed: "half_closed"
        case .stopped: "stopped"
        }
    }

    /// The causes with which a dial can fail.
    public static let dialFailures: [Cause] = [
        .nameNotFound, .nameTimeout, .nameError, .connectRefused, .connectUnreachable, .connectTimeout,
        .portsExhausted, .descriptorsExhausted, .addressDenied, .connectFailed,
    ]
}

extension Phase {
    /// Stable name in lower case with underscores.
    public var name: String {
        switch self {
        case .requestHead: "request_head"
        case .connect: "connect"
        case .response: "response"
        case .content: "content"
        case .tunnel: "tunnel"
        }
    }
}

extension Limit {
    /// Stable name in lower case with underscores.
    public var name: String {
        switch self {
        case .uriSize: "uri_size"
        case .requestHeadSize: "request_head_size"
        case .requestFields: "request_fields"
        case .requestTrailers: "request_trailers"
        case .requestChunkExtensions: "request_chunk_extensions"
        case .headerTimeout: "header_timeout"
        case .writeTimeout: "write_timeout"
        case .minProgress: "min_progress"
        case .responseHeadSize: "response_head_size"
        case .responseFields: "response_fields"
        case .responseTrailers: "response_trailers"
        case .responseChunkExtensions: "response_chunk_extensions"
        }
    }
}

extension Refusal {
    /// Stable name in lower case with underscores.
    public var name: String {
        switch self {
        case .idleTooLong: "idle_too_long"
        case .tooOld: "too_old"
        case .usedUp: "used_up"
        case .notPersistent: "not_persistent"
        case .tooManyIdle: "too_many_idle"
        case .evicted: "evicted"
        case .abandonedTunnel: "abandoned_tunnel"
        case .draining: "draining"
        case .portPressure: "port_pressure"
        case .prohibited: "prohibited"
        case .ordered: "ordered"
        }
    }
}

extension ClientEnd {
    /// Stable name in lower case with underscores.
    public var name: String {
        switch self {
        case .keepAliveOff: "keep_alive_off"
        case .usedUp: "used_up"
        case .tooOld: "too_old"
        case .draining: "draining"
        case .idleTooLong: "idle_too_long"
        case .tooManyParked: "too_many_parked"
        case .leaking: "leaking"
        case .abandoned: "abandoned"
        case .evicted: "evicted"
        }
    }
}

extension Verdict {
    /// Stable name in lower case.
    public var name: String {
        switch self {
        case .healthy: "healthy"
        case .churning: "churning"
        case .leaking: "leaking"
        }
    }
}

extension InterceptedKind {
    /// Stable name in lower case.
    public var name: String {
        switch self {
        case .http: "http"
        case .tls: "tls"
        case .http2: "http2"
        case .raw: "raw"
        }
    }
}

extension OriginKind {
    /// Stable name in lower case.
    public var name: String {
        switch self {
        case .http: "http"
        case .intercepted: "intercepted"
        case .parent: "parent"
        case .tunnel: "tunnel"
        }
    }
}
