/// The one decision whether a failed exchange is sent again (RFC 9110 §9.2.2, RFC 9112 §9.3.1): a
/// proxy must not repeat a request that is not idempotent, and nobody repeats a repeat.
enum RetryRules {
    /// - Parameters:
    ///   - isReused: the connection had been idle in the pool; only then is a close in the
    ///     origin's right to end idle connections, and not an answer to this request.
    ///   - isConnectionDead: it was closed or proved forgotten; an origin that merely does not answer in
    ///     time has the request, and would take as long again.
    ///   - hasResponseBytes: something of a response has come.
    ///   - isReplayable: idempotent method, and no content that is gone by now.
    ///   - isRetried: this is the second try already.
    static func mayRetry(
        isReused: Bool,
        isConnectionDead: Bool,
        hasResponseBytes: Bool,
        isReplayable: Bool,
        isRetried: Bool
    ) -> Bool {
        isReused && isConnectionDead && !hasResponseBytes && isReplayable && !isRetried
    }
}
