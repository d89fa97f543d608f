// `environ` is a global that C may change under us; it is read once, before there is a second thread.
@preconcurrency import Glibc

/// What the host allows, which the limits have to fit.
public struct HostFacts: Sendable, Equatable {
    /// Most descriptors the process can have open: the hard RLIMIT_NOFILE; `Int.max` where there is none.
    public var descriptorLimit: Int
    /// `net.ipv4.ip_local_port_range`.
    public var ephemeralPorts: ClosedRange<Int>

    /// States the facts, for a test or where the kernel was asked already.
    public init(descriptorLimit: Int, ephemeralPorts: ClosedRange<Int>) {
        self.descriptorLimit = descriptorLimit
        self.ephemeralPorts = ephemeralPorts
    }

    /// Asks the kernel. A fact it does not tell is replaced by Linux's own default.
    public static func measured() -> HostFacts {
        var limit = rlimit()
        let known = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
        let range = (try? readWholeFile("/proc/sys/net/ipv4/ip_local_port_range", limit: 256).get())
            .flatMap { portRange(String(decoding: $0, as: UTF8.self)) }
        return HostFacts(
            descriptorLimit: known ? Int(clamping: limit.rlim_max) : 1024,
            ephemeralPorts: range ?? 32768...60999
        )
    }

    /// Parses `32768	60999`, as the kernel writes it.
    static func portRange(_ text: String) -> ClosedRange<Int>? {
        let ends = text.split { $0 == "\t" || $0 == " " || $0 == "\n" }.compactMap { Int($0) }
        guard ends.count == 2, ends[0] <= ends[1] else { return nil }
        return ends[0]...ends[1]
    }

    /// Connections that one source address can hold to one destination: the range less 10 % headroom.
    var portBudget: Int { Swift.max(1, ephemeralPorts.count - ephemeralPorts.count / 10) }
}

/// One environment variable.
public struct EnvironmentVariable: Sendable, Equatable {
    /// Its name.
    public var name: String
    /// Its value, as it stands.
    public var value: String

    /// Joins the two.
    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }

    /// The variables of this process that begin with `WEIR_`. To be called before any thread is started.
    public static func ofProcess() -> [EnvironmentVariable] {
        var variables: [EnvironmentVariable] = []
        var next = environ
        while let entry = next.pointee {
            let text = String(cString: entry)
            if text.hasPrefix(SettingTable.environmentPrefix), let equals = text.firstIndex(of: "=") {
                variables.append(
                    EnvironmentVariable(
                        String(text[..<equals]),
                        String(text[text.index(after: equals)...])
                    )
                )
            }
            next += 1
        }
        return variables
    }
}
