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

    /// A family of one sample that says how many there may be; without a sample where there is no bound.
    mutating func limit(_ name: String, _ help: String, _ value: Int?) {
        family(name, .gauge, help)
        guard let value, value != .max else { return }
        append(name)
        sampleValue(value)
    }

    /// One sample with one label.
    mutating func sample(_ name: String, _ label: String, _ labelValue: String, _ value: Int) {
        sample(name, [(label, labelValue)], value)
    }

    /// One sample with labels.
    mutating func sample(_ name: String, _ labels: [(name: String, value: String)], _ value: Int) {
        append(name)
        for (index, label) in labels.enumerated() {
            append(index == 0 ? "{" : ",")
            append(label.name)
            append("=\"")
            appendLabelValue(label.value)
            append("\"")
        }
        append("}")
        sampleValue(value)
    }

    /// A histogram, with cumulative counts up to and including each bound in seconds.
    mutating func histogram(_ name: String, _ help: String, _ durations: DurationHistogram) {
        family(name, .histogram, help)
        var total = 0
        for (bucket, count) in durations.counts.enumerated() {
            total += count
            append(name)
            append("_bucket{le=\"")
            if let bound = DurationHistogram.bound(of: bucket) {
                append(bound: bound)
            } else {
                append("+Inf")
            }
            append("\"}")
            sampleValue(total)
        }
        append(name)
        append("_sum ")
        append(durations.sum.description)
        append("\n")
        append(name)
        append("_count")
        sampleValue(total)
    }

    /// Seconds without zeros at the end: `0.00025`, `0.256`, `1.024`.
    private mutating func append(bound: Interval) {
        append(seconds: bound)
        while span[count - 1] == UInt8(ascii: "0") { truncate(to: count - 1) }
        if span[count - 1] == UInt8(ascii: ".") { append("0") }
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
