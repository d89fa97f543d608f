public import Dialling

/// Who may use the proxy, and for what. Denying goes before allowing, and allowing before the presets.
///
/// A name is judged when it is asked for, an address when it is known: a literal at once, that of a name when it
/// is about to be dialled. A name that is allowed does not exempt its addresses from what is denied, as whoever
/// runs its zone chooses them.
public struct AccessPolicy: Hashable, Sendable {
    /// Why something is denied.
    public enum Denial: Hashable, Sendable {
        /// The port, whatever the host.
        case port
        /// The name, or that nothing allows it.
        case host
        /// An address, or that nothing allows it.
        case address
    }

    /// The lists, as the settings give them.
    public struct Rules: Hashable, Sendable {
        /// Clients that are served; empty for all.
        public var allowedClients: [AddressRange] = []
        /// Clients that are not.
        public var deniedClients: [AddressRange] = []
        /// Destinations that are served.
        public var allowed = DestinationList.everything
        /// Destinations that are not.
        public var denied = DestinationList()
        /// Ports of plain requests; empty for all.
        public var ports: [UInt16] = []
        /// Whether addresses that are not of the Internet are denied.
        public var deniesPrivate = false
        /// Whether the metadata services of clouds are denied.
        public var deniesMetadata = false

        /// Everything is allowed.
        public init() {}
    }

    private let rules: Rules
    /// Whether any client can be denied.
    public let judgesClients: Bool
    /// Whether any destination can be denied.
    public let judgesDestinations: Bool

    /// A policy of these rules.
    public init(_ rules: Rules = Rules()) {
        self.rules = rules
        judgesClients = !rules.allowedClients.isEmpty || !rules.deniedClients.isEmpty
        judgesDestinations =
            !rules.allowed.isEverything || !rules.denied.isEmpty || !rules.ports.isEmpty
            || rules.deniesPrivate || rules.deniesMetadata
    }

    /// Whether a client may use the proxy at all.
    public func permits(client: Endpoint.Address) -> Bool {
        let client = client.unmapped
        if rules.deniedClients.contains(where: { $0.contains(client) }) { return false }
        return rules.allowedClients.isEmpty || rules.allowedClients.contains { $0.contains(client) }
    }

    /// Whether a plain request may go to this port.
    public func permits(port: UInt16) -> Bool { rules.ports.isEmpty || rules.ports.contains(port) }

    /// Judges what is asked for.
    ///
    /// - Parameters:
    ///   - name: the host by name; empty where only an address is known.
    ///   - address: the address where that is known already; the name is then what the client calls it.
    public func judge(name: String, address: Endpoint.Address?, port: UInt16) -> Denial? {
        if rules.denied.containsAll(at: port) { return .port }
        var isNamed = false
        if let name = AccessPolicy.normalised(name) {
            if rules.denied.names(name, at: port) { return .host }
            isNamed = rules.allowed.names(name, at: port)
            if !isNamed && rules.deniesMetadata && SpecialAddresses.metadataNames.contains(name) {
                return .host
            }
        } else if address == nil {
            // Nobody can tell what a parent proxy would make of it.
            return .host
        }
        if let address { return permits(address, at: port, isNamed: isNamed) ? nil : .address }
        // Its addresses may still be allowed.
        let mayBeAllowed = isNamed || rules.allowed.containsAll(at: port) || rules.allowed.hasAddresses
        return mayBeAllowed ? nil : .host
    }

    /// Whether an address that a name led to may be dialled.
    public func permits(_ address: Endpoint.Address, ofName name: String, at port: UInt16) -> Bool {
        let isNamed = AccessPolicy.normalised(name).map { rules.allowed.names($0, at: port) } ?? false
        return permits(address, at: port, isNamed: isNamed)
    }

    /// Whether an address may be dialled that was judged by `judge` already: once more by what is denied.
    public func permits(judged address: Endpoint.Address, at port: UInt16) -> Bool {
        permits(address, at: port, isNamed: true)
    }

    private func permits(_ address: Endpoint.Address, at port: UInt16, isNamed: Bool) -> Bool {
        if rules.denied.containsAll(at: port) { return false }
        var isAllowed = isNamed || rules.allowed.containsAll(at: port)
        for address in [address] + address.embedded {
            if rules.denied.covers(address, at: port) { return false }
            if rules.allowed.covers(address, at: port) {
                isAllowed = true
            } else if isInPreset(address) {
                return false
            }
        }
        return isAllowed
    }

    private func isInPreset(_ address: Endpoint.Address) -> Bool {
        (rules.deniesPrivate && SpecialAddresses.notPublic.contains { $0.contains(address) })
            || (rules.deniesMetadata && SpecialAddresses.metadata.contains { $0.contains(address) })
    }

    /// In lower case and without the final dot, as names in lists are; nil for what is no name.
    private static func normalised(_ name: String) -> String? {
        guard let name = HostName.normalised(name) else { return nil }
        return name.hasSuffix(".") ? String(name.dropLast()) : name
    }
}
