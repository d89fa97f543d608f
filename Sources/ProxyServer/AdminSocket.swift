import Dialling
import Glibc
import Reactor
import Settings

/// A listening socket of the admin server, with its file where it has one.
struct AdminSocket {
    let descriptor: Int32
    let file: SocketFile?

    /// Listens.
    ///
    /// - Parameter mode: the permissions of a Unix socket's file.
    static func listen(at place: ListenAddress, mode: UInt32) throws(SystemError) -> AdminSocket {
        switch place {
        case .network(let endpoint):
            guard let endpoint = Endpoint(endpoint) else {
                throw SystemError("listen on \(place)", code: EINVAL)
            }
            return AdminSocket(descriptor: try Sockets.listen(on: endpoint, backlog: 64), file: nil)
        case .unix(let path):
            let (descriptor, file) = try SocketFile.listen(at: path, mode: mode, backlog: 64)
            return AdminSocket(descriptor: descriptor, file: file)
        }
    }
}
