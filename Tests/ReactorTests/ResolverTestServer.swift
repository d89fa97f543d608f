import Basics
import Dialling
import Glibc
import Reactor
import Testing

/// A name server on loopback, UDP and TCP, that runs on the loop under test and answers from a closure.
final class ResolverTestServer {
    struct Question: Hashable {
        var name: String
        var type: UInt16
        var overTCP: Bool
    }

    struct Record {
        var name: String
        var type: UInt16
        var timeToLive: UInt32
        var data: [UInt8]
    }

    enum Reply {
        case answer([Record])
        case error(UInt8)
        case truncated
        case silence
    }

    static let typeA: UInt16 = 1
    static let typeAAAA: UInt16 = 28
    static let typeCNAME: UInt16 = 5

    private let loop: EventLoop
    private let udp: Int32
    private let tcp: Int32
    private var watches: [DescriptorWatch] = []
    private var connections: [Int32: [UInt8]] = [:]
    private let reply: (Question) -> Reply
    let port: UInt16
    private(set) var questions: [Question] = []
    /// The UDP payload size that the last question's OPT record offered (RFC 6891), if it had one.
    private(set) var offeredPayload: UInt16?

    /// `127.0.0.1:port`, as the resolver's options take it.
    var address: String { "127.0.0.1:\(port)" }

    init(_ loop: EventLoop, reply: @escaping (Question) -> Reply) throws {
        self.loop = loop
        self.reply = reply
        tcp = try Sockets.listen(on: .init(address: .v4(0x7F00_0001), port: 0), backlog: 16)
        port = try #require(Sockets.localEndpoint(tcp)).port
        udp = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        var bound = sockaddr_in()
        bound.sin_family = sa_family_t(AF_INET)
        bound.sin_port = port.bigEndian
        bound.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafePointer(to: &bound) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(udp, $0, length) }
        }
        try #require(status == 0)
        watch(udp) { [unowned self] in answerDatagram() }
        watch(tcp) { [unowned self] in acceptConnection() }
    }

    func close() {
        for watch in watches { watch.invalidate() }
        for descriptor in [udp, tcp] + connections.keys { Sockets.close(descriptor) }
        watches = []
    }

    private func watch(_ descriptor: Int32, _ ready: @escaping () -> Void) {
        let watch = DescriptorWatch(loop: loop, descriptor: descriptor) { _, _ in ready() }
        watch.setReading(true)
        watches.append(watch)
    }

    private func answerDatagram() {
        var bytes = [UInt8](repeating: 0, count: 4096)
        var from = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let count = withUnsafeMutablePointer(to: &from) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                recvfrom(udp, &bytes, bytes.count, 0, $0, &length)
            }
        }
        guard count > 0, let message = answer(Array(bytes[..<count]), overTCP: false) else { return }
        withUnsafePointer(to: &from) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = sendto(udp, message, message.count, 0, $0, length)
            }
        }
    }

    private func acceptConnection() {
        guard case .accepted(let descriptor, _) = Sockets.accept(tcp) else { return }
        connections[descriptor] = []
        watch(descriptor) { [unowned self] in readConnection(descriptor) }
    }

    private func readConnection(_ descriptor: Int32) {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(descriptor, &bytes, bytes.count)
        guard count > 0 else {
            watches.first { $0.descriptor == descriptor }?.invalidate()
            watches.removeAll { $0.descriptor == descriptor }
            connections[descriptor] = nil
            return Sockets.close(descriptor)
        }
        var pending = (connections[descriptor] ?? []) + bytes[..<count]
        while pending.count >= 2, pending.count >= 2 + Int(pending[0]) << 8 + Int(pending[1]) {
            let end = 2 + Int(pending[0]) << 8 + Int(pending[1])
            if let message = answer(Array(pending[2..<end]), overTCP: true) {
                let framed = word(UInt16(message.count)) + message
                _ = write(descriptor, framed, framed.count)
            }
            pending.removeFirst(end)
        }
        connections[descriptor] = pending
    }

    private func answer(_ query: [UInt8], overTCP: Bool) -> [UInt8]? {
        guard query.count > 12, let nameEnd = query[12...].firstIndex(of: 0) else { return nil }
        var labels: [String] = []
        var index = 12
        while query[index] != 0 {
            let next = index + 1 + Int(query[index])
            labels.append(String(decoding: query[(index + 1)..<next], as: UTF8.self))
            index = next
        }
        let questionEnd = nameEnd + 5
        let type = UInt16(query[nameEnd + 1]) << 8 | UInt16(query[nameEnd + 2])
        if query[11] == 1, query.count >= questionEnd + 5 {
            offeredPayload = UInt16(query[questionEnd + 3]) << 8 | UInt16(query[questionEnd + 4])
        }
        let question = Question(name: labels.joined(separator: "."), type: type, overTCP: overTCP)
        questions.append(question)
        var flags: UInt16 = 0x8180
        var records: [Record] = []
        switch reply(question) {
        case .silence: return nil
        case .error(let code): flags |= UInt16(code)
        case .truncated: flags |= 0x0200
        case .answer(let found): records = found
        }
        var message = Array(query[0..<2]) + word(flags) + word(1) + word(UInt16(records.count))
        message += word(0) + word(0)
        message += query[12..<questionEnd]
        for record in records {
            message += ResolverTestServer.encode(record.name) + word(record.type) + word(1)
            message += word(UInt16(record.timeToLive >> 16)) + word(UInt16(record.timeToLive & 0xFFFF))
            message += word(UInt16(record.data.count)) + record.data
        }
        return message
    }

    private func word(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 255)] }

    static func encode(_ name: String) -> [UInt8] {
        name.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + $0.utf8 } + [0]
    }

    static func four(_ name: String, _ lastByte: UInt8, ttl: UInt32) -> Record {
        Record(name: name, type: typeA, timeToLive: ttl, data: [192, 0, 2, lastByte])
    }

    static func six(_ name: String, _ lastByte: UInt8, ttl: UInt32) -> Record {
        let prefix: [UInt8] = [0x20, 0x01, 0x0d, 0xb8]
        let zeros = [UInt8](repeating: 0, count: 11)
        return Record(name: name, type: typeAAAA, timeToLive: ttl, data: prefix + zeros + [lastByte])
    }

    static func alias(_ name: String, of target: String, ttl: UInt32) -> Record {
        Record(name: name, type: typeCNAME, timeToLive: ttl, data: encode(target))
    }
}
