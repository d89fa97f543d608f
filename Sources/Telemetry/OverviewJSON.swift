public import Basics
import ClientPolicy
import ProxyCore
import UpstreamPool

/// `/overview`: what the page and `weir top` show at one instant; the same figures as in `/status` and `/leaks`,
/// with few rows, so that asking every second or two costs little however many connections there are.
public enum OverviewJSON {
    /// What Content-Type says of it.
    public static let contentType = "application/json"
    /// Most rows of each table.
    public static let maxRows = 50

    /// Appends one JSON object and a line feed. The snapshot should have been taken with origins.
    public static func write(
        _ snapshot: ProxySnapshot,
        owners: [OwnerLine],
        now: MonotonicTime,
        to buffer: inout ByteBuffer
    ) {
        buffer.beginObject()
        writeProcess(snapshot, &buffer)
        StatusJSON.writePorts(snapshot, &buffer)
        StatusJSON.writeClients(snapshot, &buffer)
        StatusJSON.writeTunnelsAndQueue(snapshot, &buffer)
        buffer.member("quiet_tunnels", snapshot.quietTunnels)
        LeaksJSON.writeOwners(owners, most: maxRows, now, &buffer)
        buffer.member("owners_left_out", max(0, owners.count - maxRows))
        writePool(snapshot, &buffer)
        writeCounters(snapshot, &buffer)
        writeDurations(snapshot.engine, &buffer)
        buffer.endObject()
        buffer.append("\n")
    }

    private static func writeProcess(_ snapshot: ProxySnapshot, _ buffer: inout ByteBuffer) {
        StatusJSON.writeIdentity(snapshot, &buffer)
        buffer.beginObject("process")
        StatusJSON.writeResources(snapshot.process, &buffer)
        buffer.endObject()
    }

    private static func writePool(_ snapshot: ProxySnapshot, _ buffer: inout ByteBuffer) {
        buffer.beginObject("pool")
        StatusJSON.writePoolCounts(snapshot, most: maxRows, &buffer)
        buffer.member("per_origin_limit", limit: snapshot.configuration.pool.maxPerDestination)
        buffer.endObject()
    }

    private static func writeCounters(_ snapshot: ProxySnapshot, _ buffer: inout ByteBuffer) {
        let engine = snapshot.engine
        buffer.beginObject("counters")
        StatusJSON.writeTraffic(snapshot, &buffer)
        buffer.member("failures", engine.failures)
        buffer.beginObject("responses")
        for hundreds in 2...5 { buffer.member("\(hundreds)xx", engine.responses.count(at: hundreds)) }
        buffer.endObject()
        buffer.beginArray("failing")
        for cause in Cause.allCases where cause.isFailure { buffer.element(cause.name) }
        buffer.endArray()
        buffer.endObject()
    }

    /// Exchanges since start by duration: how many took at most each bound, and more than the one before it.
    private static func writeDurations(_ engine: EngineStatistics, _ buffer: inout ByteBuffer) {
        buffer.beginObject("durations")
        buffer.beginRows("bounds_us")
        for bucket in 0..<DurationHistogram.bucketCount {
            guard let bound = DurationHistogram.bound(of: bucket) else { continue }
            buffer.number(Int(bound.nanoseconds / 1000))
        }
        buffer.endArray()
        buffer.beginRows("counts")
        for count in engine.durations.counts { buffer.number(count) }
        buffer.endArray()
        buffer.endObject()
    }
}

// Arrays of numbers, and of arrays of numbers.
extension ByteBuffer {
    /// Opens an array that holds numbers or rows.
    mutating func beginRows(_ key: String) { beginArray(key) }

    /// Adds a number to an array.
    mutating func number(_ value: Int) {
        if !isEmpty && span[count - 1] != UInt8(ascii: "[") { append(",") }
        append(signed: value)
    }

    /// Adds an array of numbers to an array.
    mutating func row(_ values: [Int]) {
        if !isEmpty && span[count - 1] != UInt8(ascii: "[") { append(",") }
        append("[")
        for value in values { number(value) }
        append("]")
    }
}
