public import Basics

/// What the Connection fields of a message ask for (RFC 9110 §7.6.1).
public struct ConnectionOptions: OptionSet, Sendable, BitwiseCopyable {
    public let rawValue: UInt8

    @inlinable
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// `close`: the connection ends after this exchange.
    public static let close = ConnectionOptions(rawValue: 1)
    /// `keep-alive`: what an HTTP/1.0 peer needs in a response to keep the connection. A proxy does not
    /// honour it in requests of HTTP/1.0 clients (RFC 9112 §9.3).
    public static let keepAlive = ConnectionOptions(rawValue: 2)
    /// `upgrade`: the Upgrade field is meant.
    public static let upgrade = ConnectionOptions(rawValue: 4)
    /// `te`: the TE field is meant.
    public static let te = ConnectionOptions(rawValue: 8)
    /// Some other name was nominated; `appendNominated` tells which, for the trailers.
    public static let nominated = ConnectionOptions(rawValue: 16)

    /// Most options of one message. Each costs a walk over the fields, and honest messages have three.
    public static let limit = 32

    /// Reads all Connection fields, and drops from the table every field that they nominate and every
    /// hop-by-hop field (`FieldNameSet.hopByHop`); dropped fields can still be read.
    ///
    /// Fields that are meant for every recipient (Host, Content-Length, Authorization, …) cannot be
    /// nominated away: the nomination is ignored. Of Proxy-Connection only `close` is taken: its
    /// `keep-alive` would bind an HTTP/1.0 client's connection, which a proxy must not do (RFC 9112
    /// §9.3 and appendix C.2.2), and means nothing in HTTP/1.1.
    ///
    /// - Parameter isForProxy: Whether the message is for a proxy and from one: false on a connection whose
    ///   client does not know that there is one. What it says to another proxy is then passed on
    ///   (RFC 9110 §11.7.1, §11.7.2), and Proxy-Connection is dropped unread.
    /// - Throws: `invalidConnectionOption`, `tooManyConnectionOptions`.
    public static func read(
        _ bytes: Span<UInt8>,
        _ fields: inout FieldTable,
        isForProxy: Bool = true
    ) throws(WireError) -> ConnectionOptions {
        var options: ConnectionOptions = []
        if !fields.present.isDisjoint(with: .hopByHop) {
            var count = 0
            // Dropping changes no line's position, so walking by index is safe.
            for index in 0..<fields.count {
                let field = fields[index]
                switch field.known {
                case .connection: try options.readLine(bytes, field.value, &count, &fields)
                case .proxyConnection where isForProxy && hasToken(bytes, field.value, "close"):
                    options.insert(.close)
                default: break
                }
            }
            fields.drop(isForProxy ? .hopByHop : .hopByHop.subtracting(.proxyAuthentication))
        }
        return options
    }

    /// Writes the nominated names (not the options that are members of this set) as a comma-separated
    /// list, so that the trailers' fields of these names can be dropped later with `dropNominated`.
    public static func appendNominated(
        _ bytes: Span<UInt8>,
        _ fields: FieldTable,
        to out: inout ByteBuffer
    ) {
        for index in 0..<fields.count where fields[index].known == .connection {
            let value = fields[index].value
            var position = Int(value.start)
            while let member = FieldValue.nextMember(bytes, &position, end: Int(value.end)) {
                if option(named: bytes, member) != .nominated { continue }
                if !out.isEmpty { out.append(UInt8(ascii: ",")) }
                out.append(bytes.extracting(member.range))
            }
        }
    }

    /// Drops the trailers whose names are in the list that `appendNominated` wrote for the head.
    public static func dropNominated(
        _ nominated: Span<UInt8>,
        from trailers: inout FieldTable,
        in bytes: Span<UInt8>
    ) {
        var position = 0
        while let member = FieldValue.nextMember(nominated, &position, end: nominated.count) {
            drop(nominated.extracting(member.range), from: &trailers, in: bytes)
        }
    }

    private mutating func readLine(
        _ bytes: Span<UInt8>,
        _ value: ByteRange,
        _ count: inout Int,
        _ fields: inout FieldTable
    ) throws(WireError) {
        var position = Int(value.start)
        while let member = FieldValue.nextMember(bytes, &position, end: Int(value.end)) {
            count += 1
            if count > ConnectionOptions.limit { throw .tooManyConnectionOptions }
            if ByteScan.endOfToken(bytes, from: Int(member.start)) < Int(member.end) {
                throw .invalidConnectionOption
            }
            let option = ConnectionOptions.option(named: bytes, member)
            insert(option)
            // The other options' fields are hop-by-hop anyway; a field named Close is nobody's, but named here.
            if option == .nominated || option == .close {
                ConnectionOptions.drop(bytes.extracting(member.range), from: &fields, in: bytes)
            }
        }
    }

    private static func option(named bytes: Span<UInt8>, _ member: ByteRange) -> ConnectionOptions {
        let name = bytes.extracting(member.range)
        switch name.count {
        case 2 where ASCII.equalsIgnoringCase(name, "te"): return .te
        case 5 where ASCII.equalsIgnoringCase(name, "close"): return .close
        case 7 where ASCII.equalsIgnoringCase(name, "upgrade"): return .upgrade
        case 10 where ASCII.equalsIgnoringCase(name, "keep-alive"): return .keepAlive
        default: return .nominated
        }
    }

    private static func drop(_ name: Span<UInt8>, from fields: inout FieldTable, in bytes: Span<UInt8>) {
        for index in 0..<fields.count {
            let field = fields[index]
            if field.name.count != name.count || FieldNameSet.endToEnd.contains(field.known) { continue }
            if ASCII.equalIgnoringCase(bytes.extracting(field.name.range), name) {
                fields[index].isDropped = true
            }
        }
    }
}
