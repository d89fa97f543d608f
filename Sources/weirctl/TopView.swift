/// What the person in front of `weirctl top` has chosen.
struct TopView: Equatable {
    enum Tables: CaseIterable { case both, owners, origins }

    enum Order: String, CaseIterable { case verdict, ports, opened, reaped, name }

    var tables = Tables.both
    var order = Order.verdict
    var isReversed = false
    var isPaused = false
    /// Rows that are scrolled past.
    var offset = 0
    /// Seconds between two looks.
    var period = 2.0
    var isHelpShown = false

    /// What a key does.
    enum Effect { case none, redraw, quit, ask }

    /// Takes a key: a character, or the whole of an escape sequence.
    mutating func press(_ key: String) -> Effect {
        switch key {
        case "q", "Q": return .quit
        case "s": order = Self.next(order)
        case "r": isReversed.toggle()
        case "\t":
            tables = Self.next(tables)
            offset = 0
        case "p": isPaused.toggle()
        case " ": return .ask
        case "+": period = min(60, period * 2)
        case "-": period = max(0.5, period / 2)
        case "j", "\u{1B}[B", "\u{1B}OB": offset += 1
        case "k", "\u{1B}[A", "\u{1B}OA": offset = max(0, offset - 1)
        case "h", "?": isHelpShown.toggle()
        default: return .none
        }
        return .redraw
    }

    private static func next<Choice: CaseIterable & Equatable>(_ choice: Choice) -> Choice
    where Choice.AllCases == [Choice] {
        let all = Choice.allCases
        let index = all.firstIndex(of: choice) ?? 0
        return all[(index + 1) % all.count]
    }

    /// Owners as they are to be shown.
    func sorted(_ owners: [LeaksReport.Owner]) -> [LeaksReport.Owner] {
        let ordered: [LeaksReport.Owner] =
            switch order {
            // As weir sends them.
            case .verdict: owners
            case .ports: owners.sorted { $0.ports > $1.ports }
            case .opened: owners.sorted { $0.opened > $1.opened }
            case .reaped: owners.sorted { $0.reaped > $1.reaped }
            case .name: owners.sorted { LeaksTable.name($0) < LeaksTable.name($1) }
            }
        return isReversed ? ordered.reversed() : ordered
    }

    /// Origins as they are to be shown: weir sends the largest first.
    func sorted(_ origins: [StatusReport.Origin]) -> [StatusReport.Origin] {
        let ordered = order == .name ? origins.sorted { $0.origin < $1.origin } : origins
        return isReversed ? ordered.reversed() : ordered
    }
}

/// Takes the bytes of a terminal apart into keys.
enum TopKeys {
    /// Characters, and escape sequences as a whole.
    static func read(_ bytes: [UInt8]) -> [String] {
        var keys: [String] = []
        var rest = bytes[...]
        while let byte = rest.popFirst() {
            guard byte == 0x1B, let second = rest.first, second == 0x5B || second == 0x4F else {
                keys.append(String(Unicode.Scalar(byte)))
                continue
            }
            rest.removeFirst()
            var key = "\u{1B}" + String(Unicode.Scalar(second))
            // A sequence ends with a letter or a tilde.
            while let next = rest.popFirst() {
                key.append(String(Unicode.Scalar(next)))
                if (0x40...0x7E).contains(next) { break }
            }
            keys.append(key)
        }
        return keys
    }
}
