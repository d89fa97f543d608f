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

/// From the sockets that there are to those that the settings ask for, all or nothing: what is new is opened when
/// the plan is made, what goes is closed only by whoever carries it out.
struct ListenerPlan {
    /// What there will be, in the order of the settings, and behind it what the service manager has opened besides.
    private(set) var sockets: ServingSockets = [:]
    /// What the settings ask for no more.
    private(set) var removed: ServingSockets = [:]
    private var opened: [ListeningSocket] = []
    /// Files that got other permissions, and their former ones.
    private var changedFiles: [(file: SocketFile, mode: UInt32)] = []

    /// Opens what is lacking.
    ///
    /// - Parameter mayLack: whether it may go without an address that cannot be had.
    /// - Throws: what kept a socket from being opened; then nothing has changed.
    init(
        from present: ServingSockets,
        to settings: Settings,
        mayLack: (ListenAddress, SystemError) -> Bool
    ) throws(SystemError) {
        var lacking: [(ListenerRole, ListenAddress)] = []
        for role in ListenerRole.allCases {
            var rest = present[role] ?? []
            for address in settings.addresses(of: role) {
                if let index = rest.firstIndex(where: { $0.serves(address) }) {
                    var socket = rest.remove(at: index)
                    socket.configured = address
                    sockets[role, default: []].append(socket)
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
            let socket = try open(address, settings.mode(of: role))
            opened.append(socket)
            let order = settings.addresses(of: role)
            let index = order.firstIndex(of: address) ?? order.count
            // Behind those that the settings name before it.
            let place = sockets[role, default: []].firstIndex { other in
                other.configured.flatMap { order.firstIndex(of: $0) }.map { $0 > index } ?? true
            }
            sockets[role, default: []].insert(
                ServingSocket(socket: socket, configured: address),
                at: place ?? sockets[role, default: []].count
            )
        } catch {
            if !mayLack(address, error) { throw error }
        }
    }

    private func open(_ address: ListenAddress, _ mode: UInt32) throws(SystemError) -> ListeningSocket {
        switch address {
        case .unix(let path): return try ListeningSocket.open(at: path, mode: mode)
        case .network(let address):
            guard let endpoint = Endpoint(address) else { throw SystemError("listen", code: EAFNOSUPPORT) }
            let former: [ListeningSocket]
            do throws(SystemError) {
                return try ListeningSocket.open(on: endpoint)
            } catch {
                // What is about to go may be in the way: 127.0.0.1:3128 of 0.0.0.0:3128. For a moment both listen.
                former = removed.values.joined().map(\.socket).filter {
                    $0.place.endpoint?.port == endpoint.port
                }
                if error.code != EADDRINUSE || former.isEmpty { throw error }
            }
            for socket in former { socket.setShared(true) }
            defer { for socket in former { socket.setShared(false) } }
            let socket = try ListeningSocket.open(on: endpoint, sharing: true)
            socket.setShared(false)
            return socket
        }
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
