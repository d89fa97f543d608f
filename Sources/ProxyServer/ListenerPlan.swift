import Dialling
import Glibc
import Reactor
import Settings

/// What is served on a listening socket.
enum ListenerRole: String, CaseIterable {
    /// Apps that know of the proxy.
    case client
    /// Connections that the kernel redirects.
    case redirect
    /// The admin pages.
    case admin

    /// What an inherited socket is for, by its name (`FileDescriptorName=`): apps, unless it says otherwise.
    init(named name: String) { self = ListenerRole(rawValue: name) ?? .client }
}

/// A socket in use, and what in the settings it stands for.
struct ServingSocket: Equatable {
    var socket: ListeningSocket
    /// Nil where it was inherited and the settings do not name it.
    var configured: ListenAddress?

    /// Whether it is what the settings ask for.
    func serves(_ address: ListenAddress) -> Bool {
        if configured == address { return true }
        switch (address, socket.place) {
        case (.unix(let path), .unix(let place)): return path == place
        case (.network(let wanted), .network(let place)):
            guard let wanted = Endpoint(wanted) else { return false }
            // The port that the kernel chose for the process before this one.
            let isChosen = wanted.port == 0 && configured == nil && !socket.isKeptByManager
            return wanted == place || (isChosen && wanted.address == place.address)
        default: return false
        }
    }
}

/// The listening sockets by what they serve.
typealias ServingSockets = [ListenerRole: [ServingSocket]]

extension [ServingSocket] {
    /// What each worker accepts from. Unix sockets are the first one's alone: their clients are few, as a rule, and
    /// all from this host.
    func shares(among workers: Int) -> [[ListeningSocket]] {
        var shares = [[ListeningSocket]](repeating: [], count: workers)
        var next: [SocketPlace: Int] = [:]
        for entry in self {
            let place = entry.socket.place
            let worker = place.endpoint == nil ? 0 : next[place, default: 0] % workers
            next[place, default: 0] += 1
            shares[worker].append(entry.socket)
        }
        return shares
    }
}

/// From the sockets that there are to those that the settings ask for, all or nothing: what is new is opened when
/// the plan is made, what goes is closed only by whoever carries it out.
struct ListenerPlan {
    /// What there will be, in the order of the settings, and behind it what the service manager has opened besides.
    private(set) var sockets: ServingSockets = [:]
    /// What the settings ask for no more.
    private(set) var removed: ServingSockets = [:]
    private var opened: [ListeningSocket] = []
    private let workers: Int
    /// Files that got other permissions, and their former ones.
    private var changedFiles: [(file: SocketFile, mode: UInt32)] = []

    /// Opens what is lacking.
    ///
    /// - Parameters:
    ///   - workers: how many are to accept from each address of apps.
    ///   - mayLack: whether it may go without an address that cannot be had.
    /// - Throws: what kept a socket from being opened; then nothing has changed.
    init(
        from present: ServingSockets,
        to settings: Settings,
        workers: Int = 1,
        mayLack: (ListenAddress, SystemError) -> Bool
    ) throws(SystemError) {
        self.workers = workers
        var lacking: [(ListenerRole, ListenAddress)] = []
        for role in ListenerRole.allCases {
            var rest = present[role] ?? []
            for address in settings.addresses(of: role) {
                if let place = rest.first(where: { $0.serves(address) })?.socket.place {
                    for socket in rest where socket.socket.place == place {
                        let socket = ServingSocket(socket: socket.socket, configured: address)
                        sockets[role, default: []].append(socket)
                    }
                    rest.removeAll { $0.socket.place == place }
                } else {
                    lacking.append((role, address))
                }
            }
            // The manager has them open, so that apps are let in there whatever the settings say.
            sockets[role, default: []] += rest.filter(\.socket.isKeptByManager)
            removed[role] = rest.filter { !$0.socket.isKeptByManager }
        }
        do throws(SystemError) {
            for (role, address) in lacking { try open(address, for: role, settings, mayLack) }
            try shareInherited()
            try changeFiles(settings)
        } catch {
            abandon()
            throw error
        }
    }

    /// Takes back what was done.
    func abandon() {
        for socket in opened { socket.close() }
        for change in changedFiles { try? change.file.setMode(change.mode) }
    }

    private mutating func open(
        _ address: ListenAddress,
        for role: ListenerRole,
        _ settings: Settings,
        _ mayLack: (ListenAddress, SystemError) -> Bool
    ) throws(SystemError) {
        do throws(SystemError) {
            let copies = role == .client ? workers : 1
            let order = settings.addresses(of: role)
            let index = order.firstIndex(of: address) ?? order.count
            // Behind those that the settings name before it.
            let place = sockets[role, default: []].firstIndex { other in
                other.configured.flatMap { order.firstIndex(of: $0) }.map { $0 > index } ?? true
            }
            let new = try open(address, settings.mode(of: role), copies)
            sockets[role, default: []].insert(
                contentsOf: new.map { ServingSocket(socket: $0, configured: address) },
                at: place ?? sockets[role, default: []].count
            )
        } catch {
            if !mayLack(address, error) { throw error }
        }
    }

    private mutating func open(
        _ address: ListenAddress,
        _ mode: UInt32,
        _ copies: Int
    ) throws(SystemError) -> [ListeningSocket] {
        switch address {
        case .unix(let path):
            let socket = try ListeningSocket.open(at: path, mode: mode)
            opened.append(socket)
            return [socket]
        case .network(let address):
            guard let endpoint = Endpoint(address) else { throw SystemError("listen", code: EAFNOSUPPORT) }
            do throws(SystemError) {
                return try open(endpoint, copies, sharing: false)
            } catch {
                // What is about to go may be in the way: 127.0.0.1:3128 of 0.0.0.0:3128. For a moment both listen.
                let former = removed.values.joined().map(\.socket).filter {
                    $0.place.endpoint?.port == endpoint.port
                }
                if error.code != EADDRINUSE || former.isEmpty { throw error }
                for socket in former { socket.setShared(true) }
                // Several that listen on one address stay shared, or the kernel would prefer one of them.
                defer { if workers == 1 { for socket in former { socket.setShared(false) } } }
                return try open(endpoint, copies, sharing: true)
            }
        }
    }

    /// Opens one socket for each worker, among which the kernel divides the clients.
    ///
    /// - Parameter sharing: whether the first may join others that listen there. It does not as a rule, so that a
    ///   second weir on the same address is refused.
    private mutating func open(
        _ endpoint: Endpoint,
        _ copies: Int,
        sharing: Bool
    ) throws(SystemError) -> [ListeningSocket] {
        let first = try ListeningSocket.open(on: endpoint, sharing: sharing)
        opened.append(first)
        first.setShared(copies > 1)
        var all = [first]
        while all.count < copies {
            // The port is the first one's, where the kernel chose it.
            let next = try ListeningSocket.open(on: first.place.endpoint ?? endpoint, sharing: true)
            opened.append(next)
            all.append(next)
        }
        return all
    }

    /// What was inherited all workers accept from: a further socket would take a part of the clients, who would be
    /// lost where this process does not come to accept them.
    private mutating func shareInherited() throws(SystemError) {
        if workers == 1 { return }
        var shared: [ServingSocket] = []
        let all = sockets[.client] ?? []
        for (index, socket) in all.enumerated() {
            shared.append(socket)
            let place = socket.socket.place
            let isLast = !all[(index + 1)...].contains { $0.socket.place == place }
            guard isLast, place.endpoint != nil else { continue }
            let copies = shared.filter { $0.socket.place == place }
            for number in stride(from: copies.count, to: workers, by: 1) {
                var copy = copies[number % copies.count]
                copy.socket = try copy.socket.duplicate()
                opened.append(copy.socket)
                shared.append(copy)
            }
        }
        sockets[.client] = shared
    }

    private mutating func changeFiles(_ settings: Settings) throws(SystemError) {
        for (role, sockets) in sockets {
            let mode = settings.mode(of: role)
            for socket in sockets {
                guard let file = socket.socket.file, let former = file.mode, former != mode else { continue }
                try file.setMode(mode)
                changedFiles.append((file, former))
            }
        }
    }
}

extension Settings {
    /// The permissions of socket files.
    fileprivate func mode(of role: ListenerRole) -> UInt32 { role == .admin ? adminMode : listenMode }

    /// Where the settings ask to listen.
    fileprivate func addresses(of role: ListenerRole) -> [ListenAddress] {
        switch role {
        case .client: listen
        case .redirect: redirect.listen.map { .network($0) }
        case .admin: admin.map { [$0] } ?? []
        }
    }
}
