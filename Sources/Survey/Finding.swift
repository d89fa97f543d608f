/// Something that is wrong, and what to do about it.
public struct Finding: Hashable, Sendable {
    /// What kind of thing.
    public enum Kind: String, Sendable, CaseIterable {
        /// Ports to a destination run short.
        case ports
        /// Connections lie idle after one exchange.
        case leak
        /// The far end closed connections, and the app did not.
        case unclosed
        /// A variable names a proxy that is not weir.
        case otherProxy = "other_proxy"
        /// The variables name weir, but weir does not listen.
        case noProxy = "no_proxy_listening"
        /// A variable is set that the runtime does not read.
        case ignoredVariable = "ignored_variable"
        /// A variable is set in a spelling that the runtime does not read.
        case misspeltVariable = "misspelt_variable"
        /// The variables would lead to weir but for an exemption.
        case exempt
        /// The variables lead to weir, and the connections do not.
        case bypass

        /// 0 for the worst.
        public var rank: Int { Kind.allCases.firstIndex(of: self) ?? 0 }
    }

    /// What kind of thing it is.
    public var kind: Kind
    /// One sentence without a full stop.
    public var text: String
    /// What to do, the best first; each one line.
    public var advice: [String]

    /// Puts it together.
    public init(_ kind: Kind, _ text: String, advice: [String]) {
        self.kind = kind
        self.text = text
        self.advice = advice
    }
}
