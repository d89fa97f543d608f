/// One field line of a head: where its parts are, and what became of it.
public struct Field: Sendable, BitwiseCopyable {
    /// The name as written.
    public var name: ByteRange
    /// The value without leading and trailing white space; may be empty.
    public var value: ByteRange
    /// The whole line including its CRLF.
    public var line: ByteRange
    /// Which known name it is.
    public var known: FieldName
    /// Whether the line is kept from being forwarded; it can still be read.
    public var isDropped: Bool
    /// Whether white space stood before the colon, which is not forwarded (RFC 9112 §5.1).
    var hasSpaceBeforeColon: Bool

    /// A field line that is to be forwarded.
    public init(name: ByteRange, value: ByteRange, line: ByteRange, known: FieldName) {
        self.name = name
        self.value = value
        self.line = line
        self.known = known
        self.isDropped = false
        self.hasSpaceBeforeColon = false
    }
}

/// The field lines of one head or trailer section in the order received: offsets, not strings.
///
/// One table is reused for message after message, so parsing allocates nothing once it has grown.
public struct FieldTable: Sendable {
    /// The lines, and behind them what is left of longer messages.
    private var storage: [Field] = []
    /// Number of lines, dropped ones included.
    public private(set) var count = 0
    /// Known names with at least one line; dropped lines count.
    public private(set) var present = FieldNameSet(rawValue: 0)
    /// Whether any line has white space before its colon.
    private(set) var needsRepair = false

    /// An empty table with room for `capacity` lines.
    public init(capacity: Int = 0) { storage.reserveCapacity(capacity) }

    /// The line at a position below `count`.
    public subscript(_ index: Int) -> Field {
        get { storage[index] }
        _modify { yield &storage[index] }
    }

    /// Forgets all lines and keeps the memory.
    public mutating func removeAll() {
        count = 0
        present = FieldNameSet(rawValue: 0)
        needsRepair = false
    }

    /// Notes that the line added last has white space before its colon.
    mutating func noteSpaceBeforeColon() {
        storage[count - 1].hasSpaceBeforeColon = true
        needsRepair = true
    }

    /// Adds a line.
    @inline(__always)
    mutating func append(_ field: Field) {
        if count < storage.count { storage[count] = field } else { storage.append(field) }
        count &+= 1
        present = FieldNameSet(rawValue: present.rawValue | 1 << UInt64(field.known.rawValue))
    }

    /// The first line of that known name, dropped or not; O(1) when there is none.
    public func first(_ name: FieldName) -> Field? {
        guard present.contains(name) else { return nil }
        for index in 0..<count where storage[index].known == name { return storage[index] }
        return nil
    }

    /// Number of lines of that known name, dropped ones included; O(1) when there is none.
    public func count(of name: FieldName) -> Int {
        guard present.contains(name) else { return 0 }
        var found = 0
        for index in 0..<count where storage[index].known == name { found += 1 }
        return found
    }

    /// Keeps every line of that known name from being forwarded.
    public mutating func drop(_ name: FieldName) { drop(FieldNameSet(name)) }

    /// Keeps every line with a name of the set from being forwarded. `other` in the set means all
    /// unknown names.
    public mutating func drop(_ names: FieldNameSet) {
        if present.isDisjoint(with: names) { return }
        for index in 0..<count where names.contains(storage[index].known) {
            storage[index].isDropped = true
        }
    }
}
