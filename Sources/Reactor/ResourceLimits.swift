internal import Glibc

/// What the system lets this process have.
public enum ResourceLimits {
    /// How many descriptors the process may hold (RLIMIT_NOFILE).
    public struct Descriptors: Hashable, Sendable {
        /// What is enforced now.
        public var soft: Int
        /// How far the process may raise it.
        public var hard: Int
    }

    private static let descriptorLimit = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)

    /// The present limit of descriptors.
    public static func descriptors() -> Descriptors {
        let limit = readLimit()
        return Descriptors(soft: Int(clamping: limit.rlim_cur), hard: Int(clamping: limit.rlim_max))
    }

    /// Raises the limit of descriptors as far as the process may.
    ///
    /// - Returns: the limit that is in force afterwards.
    /// - Throws: `SystemError` where the kernel (or a sandbox) refuses; the old limit stays.
    public static func raiseDescriptors() throws(SystemError) -> Descriptors {
        let limit = readLimit()
        if limit.rlim_cur < limit.rlim_max {
            try setDescriptors(soft: Int(clamping: limit.rlim_max))
        }
        return descriptors()
    }

    /// Sets the enforced limit of descriptors, at most the hard one.
    public static func setDescriptors(soft: Int) throws(SystemError) {
        var limit = readLimit()
        limit.rlim_cur = rlim_t(soft)
        if setrlimit(descriptorLimit, &limit) != 0 {
            throw SystemError("set the limit of open descriptors to \(soft)", code: errno)
        }
    }

    private static func readLimit() -> rlimit {
        var limit = rlimit()
        let result = getrlimit(descriptorLimit, &limit)
        precondition(result == 0, "getrlimit cannot fail")
        return limit
    }

    /// The ports that the kernel gives to connections that name none (`net.ipv4.ip_local_port_range`, for
    /// IPv6 too), in this network namespace; nil where /proc is not there.
    public static func ephemeralPorts() -> ClosedRange<UInt16>? {
        guard let file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re") else { return nil }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 64)
        guard fgets(&line, Int32(line.count), file) != nil else { return nil }
        let words = line.map { UInt8(bitPattern: $0) }.split { $0 <= 32 }
        let numbers = words.compactMap { UInt16(String(decoding: $0, as: UTF8.self)) }
        guard numbers.count == 2, numbers[0] <= numbers[1] else { return nil }
        return numbers[0]...numbers[1]
    }

    /// Ports of that range that the kernel gives to nobody who does not ask for them by number
    /// (`net.ipv4.ip_local_reserved_ports`).
    public static func reservedPorts(in range: ClosedRange<UInt16>) -> Int {
        guard let text = SmallFile.read("/proc/sys/net/ipv4/ip_local_reserved_ports", limit: 1 << 20) else {
            return 0
        }
        return reservedPorts(in: range, text)
    }

    /// The same from the file's text: numbers and ranges, `8080,9000-9005`, in order and without overlap.
    static func reservedPorts(in range: ClosedRange<UInt16>, _ text: String) -> Int {
        text.split { $0 == "," || $0.isWhitespace }.reduce(0) { sum, part in
            let ends = part.split(separator: "-").compactMap { UInt16($0) }
            guard let first = ends.first, let last = ends.last, first <= last else { return sum }
            let from = max(first, range.lowerBound)
            let to = min(last, range.upperBound)
            return from <= to ? sum + Int(to - from) + 1 : sum
        }
    }
}
