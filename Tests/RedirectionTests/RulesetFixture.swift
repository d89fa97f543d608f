import Dialling

@testable import Redirection

/// Both listeners of weir's defaults.
let bothListeners = [
    Endpoint(address: .v4(0x7f00_0001), port: 3129),
    Endpoint(address: .v6(high: 0, low: 1, scope: 0), port: 3129),
]

func unit(_ name: String, exists: Bool = true) throws -> Selector {
    .group(try Selector.Group(label: name, path: "/system.slice/\(name)", exists: exists, isUnit: true))
}

func group(_ path: String) throws -> Selector {
    .group(try Selector.Group(label: path, path: path, exists: true, isUnit: false))
}

func ruleset(
    _ selectors: [Selector],
    _ weir: Interceptor = Interceptor(listen: bothListeners, uid: 990, group: "/system.slice/weir.service"),
    ports: PortList = .standard,
    exceptions: [AddressRange] = [],
    includesLoopback: Bool = false,
    groupFolder: String = ""
) -> Ruleset {
    Ruleset(
        name: .standard,
        selectors: selectors,
        ports: ports,
        exceptions: exceptions,
        includesLoopback: includesLoopback,
        weir: weir,
        groupFolder: groupFolder
    )
}

extension Ruleset {
    /// The lines of the chain that chooses, without the frame.
    func chosen(_ hold: Hold = .standing) throws -> [String] {
        let lines = try text(hold).split(separator: "\n").map { $0.drop { $0 == " " } }
        guard let start = lines.firstIndex(where: { $0.hasPrefix("type nat hook") }),
            let end = lines[start...].firstIndex(of: "}")
        else { return [] }
        return lines[(start + 1)..<end].map(String.init)
    }

    /// Only the rules that end with a word.
    func rules(_ isMeant: (String) -> Bool) throws -> [String] { try chosen().filter(isMeant) }
}
