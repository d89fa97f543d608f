import Dialling

// Hosts as messages name them.
extension AccessPolicy {
    /// Judges a host as a request names it: an address or a name, without brackets.
    public func judge(host: String, port: UInt16) -> Denial? {
        let literal = Endpoint.Address(literal: host)
        return judge(name: literal == nil ? host : "", address: literal, port: port)
    }

    /// Judges where an intercepted client went.
    ///
    /// - Parameters:
    ///   - host: what it calls that, with or without a port; nobody has checked it.
    ///   - address: what it dialled.
    public func judge(claimed host: String, at address: String, port: UInt16) -> Denial? {
        let name = host.split(separator: ":", maxSplits: 1).first.map(String.init) ?? ""
        return judge(name: name, address: Endpoint.Address(literal: address), port: port)
    }
}
