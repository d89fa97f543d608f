import Glibc
import Reactor

/// Why there is no answer of use; one line for people, without the address.
struct AdminError: Error, Equatable, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }

    /// A system call that failed.
    static func system(_ code: Int32) -> AdminError {
        if code == ECONNREFUSED || code == ENOENT {
            return AdminError("nobody listens there; is weir running?")
        }
        return AdminError(String(cString: strerror(code)))
    }

    static let late = AdminError("no answer in time")
}

/// Asks an admin server for one page over a blocking socket, in bounded time.
struct AdminClient {
    /// For everything but the look-up of a name.
    static let timeout = Duration.seconds(3)
    /// More than any page of weir.
    private static let maxBytes = 16 << 20

    private let place: AdminPlace
    private let deadline: ContinuousClock.Instant

    init(_ place: AdminPlace) {
        self.place = place
        deadline = .now + Self.timeout
    }

    /// The content of a page.
    func get(_ path: String) throws(AdminError) -> [UInt8] { try request("GET", path) }

    /// What became of an order.
    func post(_ path: String) throws(AdminError) -> [UInt8] { try request("POST", path) }

    private func request(_ method: String, _ path: String) throws(AdminError) -> [UInt8] {
        let descriptor =
            switch place {
            case .network(let address): try connect(to: address)
            case .unix(let path): try connect(toSocketAt: path)
            }
        defer { close(descriptor) }
        let head = "\(method) \(path) HTTP/1.1\r\nHost: \(place.host)\r\nConnection: close\r\n\r\n"
        try send(Array(head.utf8), to: descriptor)
        return try AdminReply.content(of: try receive(from: descriptor))
    }

    private func connect(toSocketAt path: String) throws(AdminError) -> Int32 {
        switch Sockets.openStream(toSocketAt: path) {
        case .success(let descriptor): return descriptor
        case .failure(let error): throw .system(error.code)
        }
    }

    /// Tries every address of the host in turn.
    private func connect(to address: AdminAddress) throws(AdminError) -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(address.host, String(address.port), &hints, &list)
        guard code == 0 else { throw AdminError(String(cString: gai_strerror(code))) }
        defer { freeaddrinfo(list) }
        var failure = AdminError("the host has no address")
        var next = list
        while let entry = next?.pointee {
            next = entry.ai_next
            do throws(AdminError) {
                return try connect(to: entry)
            } catch {
                failure = error
            }
        }
        throw failure
    }

    private func connect(to entry: addrinfo) throws(AdminError) -> Int32 {
        let type = entry.ai_socktype | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(entry.ai_family, type, entry.ai_protocol)
        if descriptor < 0 { throw .system(errno) }
        do throws(AdminError) {
            // On Linux the time limit for sending holds for connect(2) too: EINPROGRESS when it is over.
            try limit(descriptor, SO_SNDTIMEO)
            if Glibc.connect(descriptor, entry.ai_addr, entry.ai_addrlen) != 0 {
                throw errno == EINPROGRESS ? .late : .system(errno)
            }
            return descriptor
        } catch {
            close(descriptor)
            throw error
        }
    }

    /// Gives the socket what is left of the time.
    private func limit(_ descriptor: Int32, _ option: Int32) throws(AdminError) {
        let left = deadline - .now
        if left <= .milliseconds(1) { throw .late }
        let (seconds, attoseconds) = left.components
        var value = timeval(tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
        setsockopt(descriptor, SOL_SOCKET, option, &value, socklen_t(MemoryLayout<timeval>.size))
    }

    private func send(_ bytes: [UInt8], to descriptor: Int32) throws(AdminError) {
        var sent = 0
        while sent < bytes.count {
            try limit(descriptor, SO_SNDTIMEO)
            let result = bytes[sent...].withUnsafeBytes { rest in
                Glibc.send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            }
            if result >= 0 { sent += result } else { try judge(errno) }
        }
    }

    /// Everything up to the end of the connection.
    private func receive(from descriptor: Int32) throws(AdminError) -> [UInt8] {
        var all: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 65_536)
        while true {
            try limit(descriptor, SO_RCVTIMEO)
            let count = recv(descriptor, &room, room.count, 0)
            if count == 0 { return all }
            if count < 0 {
                try judge(errno)
                continue
            }
            all += room[..<count]
            if all.count > Self.maxBytes { throw AdminError("the answer is too long to be weir's") }
        }
    }

    private func judge(_ code: Int32) throws(AdminError) {
        if code == EINTR { return }
        throw code == EAGAIN ? .late : .system(code)
    }
}
