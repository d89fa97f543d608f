/// What the fuzzer drives: each target turns bytes into one use of the product and checks what must hold.
public enum FuzzTarget: String, CaseIterable, Sendable {
    /// A request head: parser, framing, connection options, and what is forwarded.
    case requestHead = "request-head"
    /// A response head.
    case responseHead = "response-head"
    /// A chunked body with its trailers.
    case chunked
    /// A request target, an authority and a Host field.
    case target
    /// A settings file.
    case settings
    /// The first bytes of a connection that was redirected: what they are, and a TLS client's server name.
    case firstBytes = "first-bytes"
    /// The whole engine, with clients and origins that do what the bytes say.
    case engine

    /// Runs the target on one input.
    ///
    /// - Parameter mistake: Something that is done wrong on purpose, to see that the properties see it.
    /// - Returns: Which property does not hold, or nil if all do.
    public func violation(_ input: [UInt8], planting mistake: PlantedMistake? = nil) -> String? {
        do throws(BrokenProperty) {
            switch self {
            case .requestHead:
                var properties = HeadProperties(.request, input, mistake)
                try properties.check()
            case .responseHead:
                var properties = HeadProperties(.response, input, mistake)
                try properties.check()
            case .chunked:
                var properties = ChunkedProperties(input, mistake)
                try properties.check()
            case .target: try TargetProperties(input, mistake).check()
            case .settings: try SettingsProperties(input, mistake).check()
            case .firstBytes: try FirstBytesProperties(input, mistake).check()
            case .engine:
                var run = EngineRun(input, mistake)
                try run.check()
            }
            return nil
        } catch {
            return error.text
        }
    }
}

/// Mistakes that are made on purpose, in what is observed of the product or in the model that it is compared
/// with. A property that no mistake breaks proves nothing.
public enum PlantedMistake: String, CaseIterable, Sendable {
    /// A head that came in pieces is said to be one byte longer.
    case miscountHead
    /// A field is lost on its way through the writer.
    case loseField
    /// A hop-by-hop field is forwarded.
    case forwardHopByHop
    /// One byte of a chunked body's content is lost where it comes in pieces.
    case loseChunkByte
    /// The reference decoder takes chunk sizes for decimal numbers.
    case decimalChunkSize
    /// A framing field passes as a trailer.
    case forwardFramingTrailer
    /// The host is said to end one byte later.
    case longerHost
    /// The port is said to be another.
    case otherPort
    /// A complaint's line is counted from the end of the file.
    case wrongLine
    /// A setting is lost when the settings are written out.
    case loseSetting
    /// The first bytes are said to be decided one byte too early.
    case decideEarly
    /// A byte that is none of a host name's is taken into a server name.
    case dirtyName
    /// One byte of content is lost on its way to a client.
    case loseContentByte
    /// One byte of content is lost on its way to an origin.
    case loseUploadByte
    /// A request's head is sent to the origin twice.
    case repeatRequest
    /// A byte is sent to a client between two responses.
    case addByte
    /// An outcome is not noted.
    case loseOutcome
    /// A closed upstream connection stays in the shell, as if the close had been forgotten.
    case forgetClose
    /// A response cut short is passed on as if it had ended.
    case completeTruncated

    /// The target whose properties have to see it.
    public var targets: [FuzzTarget] {
        switch self {
        case .miscountHead, .loseField, .forwardHopByHop: [.requestHead, .responseHead]
        case .loseChunkByte, .decimalChunkSize, .forwardFramingTrailer: [.chunked]
        case .longerHost, .otherPort: [.target]
        case .wrongLine, .loseSetting: [.settings]
        case .decideEarly, .dirtyName: [.firstBytes]
        case .loseContentByte, .loseUploadByte, .repeatRequest, .addByte, .loseOutcome, .forgetClose,
            .completeTruncated:
            [.engine]
        }
    }
}

/// A property that does not hold, in words.
struct BrokenProperty: Error {
    let text: String

    init(_ text: String) { self.text = text }
}

/// Throws unless `holds`.
@inline(__always)
func require(_ holds: Bool, _ text: @autoclosure () -> String) throws(BrokenProperty) {
    if !holds { throw BrokenProperty(text()) }
}
