import Dialling
import ProxyCore
import Reactor

extension DataPlane {
    /// Takes over an accepted socket whose client wanted to go to `original`; closes it where the engine has
    /// no room.
    func intercepted(_ descriptor: Int32, _ peer: Endpoint, _ original: Endpoint) {
        let owner = identity.owner(of: peer, dialled: original)
        let destination = OriginalDestination(host: original.address.description, port: original.port)
        let id = engine.intercepted(
            owner: owner,
            destination: destination,
            isDenied: isDenied(.network(peer)),
            now: loop.now
        )
        adopt(descriptor, .network(peer), id, original: original)
    }
}
