/// A growable run of bytes that is reused rather than freed: heads, error answers and log lines are
/// written into one.
public struct ByteBuffer: Sendable {
    private var storage: [UInt8]
    /// How many bytes are in use.
    public private(set) var count = 0

    /// An empty buffer with room for `capacity` bytes.
    public init(capacity: Int = 0) {
        storage = Array(repeating: 0, count: capacity)
    }

    /// Whether no byte is in use.
    public var isEmpty: Bool { count == 0 }

    /// The bytes in use.
    public var span: Span<UInt8> {
        @_lifetime(borrow self)
        get { storage.span.extracting(0..<count) }
    }

    /// Forgets the content and keeps the memory.
    public mutating func removeAll() { count = 0 }

    /// Cuts the content to its first `newCount` bytes.
    public mutating func truncate(to newCount: Int) {
        precondition(newCount <= count)
        count = newCount
    }

    /// Gives the memory back; the content is forgotten too.
    public mutating func release() {
        count = 0
        storage = []
    }

    /// How many bytes fit without growing.
    public var capacity: Int { storage.count }

    private mutating func makeRoom(for extra: Int) {
        let wanted = count + extra
        if wanted <= storage.count { return }
        let grown = max(wanted, storage.count * 2, 64)
        storage.reserveCapacity(grown)
        storage.append(contentsOf: repeatElement(0, count: grown - storage.count))
    }

    /// Adds one byte.
    public mutating func append(_ byte: UInt8) {
        makeRoom(for: 1)
        storage[count] = byte
        count += 1
    }

    /// Adds a copy of `bytes`. The loop over an exact sub-span is what the optimiser vectorises.
    public mutating func append(_ bytes: Span<UInt8>) {
        makeRoom(for: bytes.count)
        let end = count + bytes.count
        let start = count
        var whole = storage.mutableSpan
        var target = whole._mutatingExtracting(start..<end)
        for index in bytes.indices { target[index] = bytes[index] }
        count = end
    }

    /// Adds the text as UTF-8. A literal costs no allocation.
    public mutating func append(_ text: String) {
        append(text.utf8.span)
    }

    /// Adds the number in decimal digits.
    public mutating func append(decimal number: UInt64) {
        var divisor: UInt64 = 1
        while number / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            append(UInt8(48 + number / divisor % 10))
            divisor /= 10
        }
    }

    /// Adds the number in lower-case hexadecimal digits.
    public mutating func append(hexadecimal number: UInt64) {
        var shift = 60
        while shift > 0 && number >> UInt64(shift) == 0 { shift -= 4 }
        while shift >= 0 {
            let digit = UInt8(truncatingIfNeeded: number >> UInt64(shift) & 15)
            append(digit < 10 ? 48 + digit : 87 + digit)
            shift -= 4
        }
    }

    /// Adds a number that is not negative with leading zeros up to `width` digits.
    public mutating func append(padded number: Int64, width: Int) {
        let value = UInt64(max(0, number))
        var digits = 1
        var bound: UInt64 = 10
        while digits < width && value >= bound {
            digits += 1
            bound *= 10
        }
        for _ in digits..<max(width, digits) { append("0") }
        append(decimal: value)
    }
}
