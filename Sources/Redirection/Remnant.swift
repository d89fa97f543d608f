/// What stays of a redirection while connections that it led to weir are open.
///
/// The kernel translates each of their packets only while somebody in the network namespace has a chain that
/// translates addresses, and somebody has rules for which connections are tracked. The last of either to go would
/// cut them all.
public enum Remnant {
    private static let prefix = "weir_open_"

    /// The table that stays for connections to a port of weir's. No redirection has such a name.
    public static func table(_ port: UInt16) -> String { "\(prefix)\(port)" }

    /// The port that a table stays for; nil for other tables.
    public static func port(ofTable table: String) -> UInt16? {
        table.hasPrefix(prefix) ? UInt16(table.dropFirst(prefix.count)) : nil
    }

    /// The commands that take a redirection back, whether it is there or not, in one transaction.
    ///
    /// - Parameter ports: of weir's, to which connections are open.
    public static func removal(of name: TableName, keeping ports: [UInt16]) -> String {
        let kept = ports.map { port in
            "add table inet \(table(port))\nadd chain inet \(table(port)) output "
                + "{ type nat hook output priority \(Ruleset.priority); policy accept; }\n"
                + "add rule inet \(table(port)) output ct state new return\n"
        }
        // Deleting takes a table that is there.
        return kept.joined() + "add table inet \(name.table)\ndelete table inet \(name.table)\n"
    }
}
