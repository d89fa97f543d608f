import Basics
@testable import ClientPolicy
@testable import ProxyCore
import Telemetry
@testable import UpstreamPool

/// What the tests of one format share.
enum Fixture {
    /// What a format wrote, as text.
    static func text(_ write: (inout ByteBuffer) -> Void) -> String {
        var buffer = ByteBuffer()
        write(&buffer)
        return String(decoding: bytes(of: buffer), as: UTF8.self)
    }

    static func bytes(of buffer: ByteBuffer) -> [UInt8] {
        buffer.span.indices.map { buffer.span[$0] }
    }

    /// 2026-11-22T21:01:54.123Z.
    static let time = WallTime(seconds: 1_795_381_314, nanoseconds: 123_999_999)

    /// A GET over a reused connection, 12.345678 ms in all.
    static func record() -> AccessRecord {
        AccessRecord(
            client: .none,
            isTunnel: false,
            status: 200,
            cause: .completed,
            phase: .content,
            hasUpstream: true,
            isReused: true,
            isRetried: false,
            bytesUp: 78,
            bytesDown: 512,
            duration: Interval(nanoseconds: 12_345_678),
            waited: .zero,
            firstByte: Interval(nanoseconds: 10_000_999),
            textOffset: 0,
            textCount: 0,
            originalCount: 0
        )
    }

    static func origin(_ host: String, _ port: UInt16 = 80, idle: Int, leased: Int = 0)
        -> UpstreamPool.OriginReport
    {
        UpstreamPool.OriginReport(
            host: host,
            port: port,
            kind: .http,
            name: "",
            dialling: 0,
            idle: idle,
            leased: leased,
            waiting: 0
        )
    }

    /// An owner that is known by its address.
    static func owner(_ address: String, held: Int, _ verdict: Verdict = .healthy) -> OwnerLine {
        var line = OwnerLine(
            OwnerReport(
                owner: .none,
                key: OwnerKey(high: 0, low: 0),
                verdict: verdict,
                since: .zero,
                tally: OwnerTally(),
                held: held,
                parked: 0,
                agent: ""
            )
        )
        line.address = address
        return line
    }

    /// A snapshot in which the figures differ from one another.
    static func snapshot() -> ProxySnapshot {
        var snapshot = ProxySnapshot()
        snapshot.engine.clientsAccepted = 101
        snapshot.engine.requests = 102
        snapshot.engine.responses[2] = 90
        snapshot.engine.responses[5] = 4
        snapshot.engine.outcomes[Int(Cause.completed.rawValue)] = 91
        snapshot.engine.outcomes[Int(Cause.upstreamGone.rawValue)] = 3
        snapshot.engine.limits[Int(Limit.requestHeadSize.rawValue)] = 21
        snapshot.engine.bytesUp = 1000
        snapshot.engine.bytesDown = 2_000_000
        for milliseconds in [0, 1, 1, 1, 1, 10, 16, 300_000] {
            snapshot.engine.durations.note(.milliseconds(milliseconds))
        }
        snapshot.engine.tunnelsOpened = 7
        snapshot.engine.retries = 6
        snapshot.pool.leasesReused = 80
        snapshot.pool.leasesFresh = 14
        snapshot.pool.refusals[Int(Refusal.idleTooLong.rawValue)] = 9
        snapshot.pool.peakConnections = 12
        snapshot.poolCounts.idle = 2
        snapshot.poolCounts.leased = 1
        snapshot.poolCounts.origins = 1
        snapshot.clients.parked = 3
        snapshot.clients.exchanging = 1
        snapshot.owners = 1
        snapshot.tunnels = 2
        snapshot.clientEnds = [0, 0, 0, 0, 11, 0, 0]
        snapshot.process.version = "0.1.0"
        snapshot.process.processID = 42
        snapshot.process.startedAt = Fixture.time
        snapshot.process.uptime = .milliseconds(61_500)
        snapshot.process.openDescriptors = 17
        snapshot.process.descriptorLimit = 1024
        snapshot.process.residentBytes = 8_388_608
        snapshot.process.virtualBytes = 16_777_216
        snapshot.process.libraries = [("libevent", "2.1.12-stable")]
        snapshot.process.settingsAppliedAt = Fixture.time
        snapshot.process.processorTime = .milliseconds(250)
        snapshot.process.dialsSucceeded = 13
        snapshot.process.dialFailures[Int(Cause.connectRefused.rawValue)] = 8
        snapshot.origins = [Fixture.origin("origin.example", idle: 2, leased: 1)]
        return snapshot
    }
}
