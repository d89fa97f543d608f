import Basics
import FoundationEssentials
import Survey

/// The host's state for programs. Additions may come; members stay what they are.
struct DoctorJSON: Encodable {
    struct Process: Encodable {
        var pid: Int32?
        var program: String?
        var user: String
        var unit: String?
        var runtime: String
        var environmentRead: Bool
        var way: Way
        var destinations: [Destination]
        var findings: [Found]
    }

    struct Way: Encodable {
        var proxied: Int
        var redirected: Int
        var direct: Int
        var covered: String?
    }

    struct Destination: Encodable {
        var destination: String
        var established: Int
        var awaiting: Int
        var idle: Int
        var idleAfterOneExchange: Int
        var longestIdleSeconds: Double
        var unread: Int
        var unclosed: Int
        var opening: Int
        var closing: Int
    }

    struct Found: Encodable {
        var kind: String
        var text: String
        var advice: [String]

        init(_ finding: Finding) {
            kind = finding.kind.rawValue
            text = finding.text
            advice = finding.advice
        }
    }

    struct Ports: Encodable {
        var source: String
        var destination: String
        var used: Int
        var timeWait: Int
        var unclosed: Int
        var percent: Int
        var secondsToExhaustion: Double?
        var finding: Found?
    }

    struct Weir: Encodable {
        var endpoints: [String]
        var listening: Bool
    }

    var weir: Weir
    var portsPerPair: Int
    var ports: [Ports]
    var processes: [Process]
    var unseen: [String]

    init(_ examination: DoctorExamination) {
        weir = Weir(
            endpoints: examination.weir.endpoints.map { "\($0)" },
            listening: examination.weir.isListening
        )
        portsPerPair = examination.capacity
        unseen = examination.unseen
        ports = examination.ports.map { report in
            Ports(
                source: "\(report.pair.source)",
                destination: "\(report.pair.destination)",
                used: report.count.used,
                timeWait: report.count.timeWait,
                unclosed: report.count.peerClosed,
                percent: report.percent,
                secondsToExhaustion: report.exhaustion?.inSeconds,
                finding: report.isShort ? Found(DoctorTable.finding(report)) : nil
            )
        }
        processes = examination.diagnoses.map(DoctorJSON.process)
    }

    private static func process(_ diagnosis: Diagnosis) -> Process {
        let process = diagnosis.process
        return Process(
            pid: process.pid,
            program: process.program,
            user: process.user,
            unit: process.unit,
            runtime: process.runtime.rawValue,
            environmentRead: process.environment != nil,
            way: Way(
                proxied: diagnosis.way.proxied,
                redirected: diagnosis.way.redirected,
                direct: diagnosis.way.direct,
                covered: process.rule
            ),
            destinations: diagnosis.holdings.map { holding in
                Destination(
                    destination: "\(holding.destination)",
                    established: holding.established,
                    awaiting: holding.awaiting,
                    idle: holding.idle,
                    idleAfterOneExchange: holding.idleAfterOne,
                    longestIdleSeconds: holding.longestIdle.inSeconds,
                    unread: holding.unread,
                    unclosed: holding.peerClosed,
                    opening: holding.opening,
                    closing: holding.closing
                )
            },
            findings: diagnosis.findings.map(Found.init)
        )
    }

    /// One line.
    var text: [UInt8] {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(self) else { return [] }
        return Array(data) + [10]
    }
}
