import Basics
import Dialling
import Reactor
import Redirection

/// Connections that were led to weir, and what keeps the kernel translating them once the redirection is gone.
struct OpenConnections {
    let nft: NftProgram

    /// Those of the ports at which weir has connections, whatever their state but TIME_WAIT.
    static func ports(_ ports: Set<UInt16>) -> [UInt16] {
        ports.sorted().filter { port in
            var states = Set(TCPState.allCases)
            states.subtract([.listening, .timeWait, .closed, .bound, .newSynReceived])
            let filter = SocketFilter(states: states, sourcePort: port)
            // Where the kernel does not tell, they may well be open.
            guard let counts = try? SocketDiagnostics.countTCP(filter) else { return true }
            return counts.total > 0
        }
    }

    /// Takes a redirection back, and nothing from the connections that it led to these ports.
    ///
    /// - Returns: those of the ports at which connections are open.
    @discardableResult
    func remove(_ name: TableName, ports: Set<UInt16>) throws(RedirectionError) -> [UInt16] {
        let open = OpenConnections.ports(ports)
        try nft.load(Remnant.removal(of: name, keeping: open))
        return open
    }

    /// Removes what stayed for connections that have ended. Returns the ports for which it still has to stay.
    @discardableResult
    func sweep() throws(RedirectionError) -> [UInt16] {
        let ports = Set(try nft.tables().compactMap(Remnant.port))
        let open = OpenConnections.ports(ports)
        for port in ports.subtracting(open) {
            let table = Remnant.table(port)
            try nft.load("add table inet \(table)\ndelete table inet \(table)\n")
        }
        return open
    }
}

extension Redirected {
    /// The ports of weir's that it leads to.
    var ports: Set<UInt16> { Set(targets.compactMap { InterceptorInquiry.endpoint($0)?.port }) }
}
