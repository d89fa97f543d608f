import ProxyCore

/// One connection of the shell's model, and what witnesses at its far end read.
final class EngineConnection {
    /// Names an exchange: a client connection and the number of its request.
    struct Exchange {
        let client: EngineConnection
        let index: Int
    }

    /// Names a request that an origin got.
    struct Delivery {
        let origin: EngineConnection
        let index: Int
        /// No other client had sent the same request.
        let isCertain: Bool
    }

    let id: ConnectionID
    /// `host:port` that an upstream connection was dialled for.
    let destination: [UInt8]
    let isTunnel: Bool
    var isOpen = true

    // What the peer has sent, and how far it has come.
    var wire: [UInt8] = []
    var held: [UInt8] = []
    var isPaused = false
    /// The peer's FIN is behind `wire`.
    var hasPeerFinished = false
    var isEndReported = false
    var mustOffer = false

    // What the peer is sent.
    /// How many bytes the peer's kernel still takes; nil: any number.
    var window: Int?
    var pending = 0
    var isStallReported = false
    var wantsFinish = false
    /// The flow is forgotten by the network: nothing is acknowledged.
    var isDead = false

    /// What the peer wrote, as far as weir has read it.
    var sent: MessageStream
    /// What weir wrote.
    var got: MessageStream
    /// Of a client: who got its requests. Of an origin: whose requests it got.
    var deliveries: [[Delivery]] = []
    var origins: [[Exchange]] = []
    /// Final responses of `got` whose head was judged, requests of `got` likewise.
    var judgedHeads = 0
    var judgedInterims = 0
    var judgedMessages = 0
    /// The last response announced that no other follows.
    var hasAnnouncedClose = false

    init(_ id: ConnectionID, destination: [UInt8] = [], isTunnel: Bool = false) {
        self.id = id
        self.destination = destination
        self.isTunnel = isTunnel
        let isClient = id.side == .client
        sent = MessageStream(isRequests: isClient, writer: .peer)
        got = MessageStream(isRequests: !isClient, writer: .weir)
    }

    /// Reads the client's requests as far as it is their turn: the next one begins when the former one has
    /// had its answer.
    func readRequests() {
        sent.advance()
        while sent.state == .idle && sent.unread > 0 && sent.messages.count <= answered {
            sent.begin()
            sent.advance()
        }
    }

    /// Final responses that are complete.
    var answered: Int { got.isBusy ? got.messages.count - (got.state == .head ? 0 : 1) : got.messages.count }

    /// The request that is being answered or is to be answered next, if it could be read.
    var current: SeenMessage? {
        let index = answered
        return index < sent.messages.count ? sent.messages[index] : nil
    }

    /// Reads the origin's responses as far as there are requests for them.
    func readResponses() {
        sent.advance()
        while sent.state == .idle && sent.unread > 0 && sent.messages.count < got.messages.count {
            sent.begin(got.messages[sent.messages.count].answerKind)
            sent.advance()
        }
    }

    func addDelivery(_ delivery: Delivery, to index: Int) {
        while deliveries.count <= index { deliveries.append([]) }
        deliveries[index].append(delivery)
    }

    /// Lets go of what refers to each other, at the end of a run.
    func cut() {
        deliveries = []
        origins = []
    }
}
