internal import Basics

/// What a metric counts.
enum MetricKind: String {
    case counter, gauge, histogram
}

// The lines of the Prometheus text format 0.0.4.
extension ByteBuffer {
    /// Begins a family: its HELP and TYPE lines. `help` holds no backslash and no line feed.
    mutating func family(_ name: String, _ kind: MetricKind, _ help: String) {
        append("# HELP ")
        append(name)
        append(" ")
        append(help)
        append("\n# TYPE ")
        append(name)
        append(" ")
        append(kind.rawValue)
        append("\n")
    }

    /// A family of one sample without labels.
    mutating func metric(_ name: String, _ kind: MetricKind, _ help: String, _ value: Int) {
        family(name, kind, help)
        append(name)
        sampleValue(value)
    }

    /// A family of one sample with a value in seconds.
    mutating func metric(_ name: String, _ kind: MetricKind, _ help: String, seconds: Interval) {
        family(name, kind, help)
        append(name)
        append(" ")
        append(seconds: seconds)
        append("\n")
    }

    /// One sample with one label.
    mutating func sample(_ name: String, _ label: String, _ labelValue: String, _ value: Int) {
        append(name)
        append("{")
        append(label)
        append("=\"")
        appendLabelValue(labelValue)
        append("\"}")
        sampleValue(value)
    }

    /// A histogram over the power-of-two scale of `EngineStatistics`: bucket 0 is below 1 ms, bucket n below
    /// 2ⁿ ms, and the last one holds everything above. The format wants cumulative counts up to and including
    /// a bound in seconds; the scale's own bounds exclude, which differs for nothing but exact milliseconds.
    mutating func histogram(_ name: String, _ help: String, _ buckets: [Int], sum: Double) {
        family(name, .histogram, help)
        var total = 0
        for (index, count) in buckets.enumerated() {
            total += count
            append(name)
            append("_bucket{le=\"")
            if index == buckets.count - 1 {
                append("+Inf")
            } else {
                let milliseconds = Int64(1) << Int64(index)
                append(decimal: UInt64(milliseconds / 1000))
                append(".")
                append(padded: milliseconds % 1000, width: 3)
            }
            append("\"}")
            sampleValue(total)
        }
        append(name)
        append("_sum ")
        append(sum.description)
        append("\n")
        append(name)
        append("_count")
        sampleValue(total)
    }

    private mutating func sampleValue(_ value: Int) {
        append(" ")
        append(signed: value)
        append("\n")
    }

    /// Label values escape backslash, quotation mark and line feed, and nothing else.
    private mutating func appendLabelValue(_ text: String) {
        let bytes = text.utf8.span
        for index in bytes.indices {
            switch bytes[index] {
            case ASCII.lineFeed: append("\\n")
            case UInt8(ascii: "\\"), UInt8(ascii: "\""):
                append("\\")
                append(bytes[index])
            default: append(bytes[index])
            }
        }
    }
}
