import Basics
import Testing

@Suite struct StorageTests {
    @Test("a slot map tells a slot's occupants apart and reuses slots")
    func slotMap() {
        var map = SlotMap<String>()
        let first = map.insert("a")
        let second = map.insert("b")
        #expect(map.count == 2 && map[first] == "a" && map[second] == "b")
        map[second] = "c"
        map.remove(first)
        #expect(!map.isAlive(first) && map.isAlive(second) && map.count == 1)
        #expect(map.occupant(of: first.index) == nil)
        let third = map.insert("d")
        #expect(third.slot == first.slot && third != first)
        #expect(!map.isAlive(first) && map.isAlive(third) && map[third] == "d" && map[second] == "c")
        #expect(map.occupant(of: third.index) == third && map.capacity == 2)
        #expect(!map.isAlive(.none))
    }

    @Test("lists keep their order through removals in the middle and at the ends")
    func lists() {
        var table = LinkTable()
        var left = ListEnds()
        var right = ListEnds()
        for slot: Int32 in [3, 1, 4, 0, 5] { table.append(slot, to: &left) }
        #expect(table.members(of: left) == [3, 1, 4, 0, 5] && left.count == 5)
        for slot: Int32 in [4, 3, 5] {
            table.remove(slot, from: &left)
            #expect(!table.isLinked(slot))
            table.append(slot, to: &right)
        }
        #expect(table.members(of: left) == [1, 0] && table.members(of: right) == [4, 3, 5])
        table.insert(7, after: 4, in: &right)
        table.insert(8, after: -1, in: &right)
        #expect(table.members(of: right) == [8, 4, 7, 3, 5] && right.first == 8 && right.last == 5)
        #expect(table.next(after: 7) == 3 && table.previous(before: 7) == 4)
        for slot in table.members(of: right) { table.remove(slot, from: &right) }
        #expect(right.isEmpty && right.first == -1 && right.last == -1)
    }

    @Test("a buffer grows, is cut and is reused")
    func buffer() {
        var buffer = ByteBuffer(capacity: 2)
        buffer.append("GET ")
        buffer.append(UInt8(ascii: "/"))
        buffer.append(Array(" x".utf8).span)
        #expect(text(buffer) == "GET / x" && buffer.count == 7 && !buffer.isEmpty)
        buffer.truncate(to: 3)
        #expect(text(buffer) == "GET")
        let capacity = buffer.capacity
        buffer.removeAll()
        #expect(buffer.isEmpty && buffer.capacity == capacity)
        buffer.append(String(repeating: "ab", count: 1_000))
        #expect(text(buffer) == String(repeating: "ab", count: 1_000))
        buffer.release()
        #expect(buffer.isEmpty && buffer.capacity == 0)
    }

    @Test(
        "numbers are written in full",
        arguments: [0, 1, 9, 10, 99, 100, 255, 4096, 65_535, 1 << 40, UInt64.max]
    )
    func numbers(number: UInt64) {
        var decimal = ByteBuffer()
        decimal.append(decimal: number)
        #expect(text(decimal) == String(number))
        var hexadecimal = ByteBuffer()
        hexadecimal.append(hexadecimal: number)
        #expect(text(hexadecimal) == String(number, radix: 16))
    }

    private func text(_ buffer: ByteBuffer) -> String {
        let span = buffer.span
        return String(decoding: span.indices.map { span[$0] }, as: UTF8.self)
    }
}
