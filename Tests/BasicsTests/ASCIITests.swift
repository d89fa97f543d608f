import Basics
import Testing

@Suite struct ASCIITests {
    @Test("classes and case folding agree with the character tables for every byte")
    func bytes() {
        for byte in UInt8.min...UInt8.max {
            let scalar = Unicode.Scalar(byte)
            let isUpper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ".unicodeScalars.contains(scalar)
            let isLower = "abcdefghijklmnopqrstuvwxyz".unicodeScalars.contains(scalar)
            #expect(ASCII.isLetter(byte) == (isUpper || isLower))
            #expect(ASCII.isDigit(byte) == "0123456789".unicodeScalars.contains(scalar))
            #expect(ASCII.lowercased(byte) == (isUpper ? byte + 32 : byte))
            let hexadecimal = byte < 128 ? Character(scalar).hexDigitValue : nil
            #expect(ASCII.hexValue(byte).map(Int.init) == hexadecimal)
        }
    }

    @Test("texts are compared without regard to case, and to nothing else")
    func comparison() {
        #expect(equalsLiteral("Keep-Alive", "keep-alive"))
        #expect(!equalsLiteral("keep-alive", "keep-alivee"))
        #expect(!equalsLiteral("keep_alive", "keep-alive"))
        #expect(equals("aBc-9", "AbC-9"))
        #expect(!equals("a[", "a{"))
        #expect(!equals("ab", "abc"))
    }

    private func equalsLiteral(_ text: String, _ literal: String) -> Bool {
        ASCII.equalsIgnoringCase(Array(text.utf8).span, literal)
    }

    private func equals(_ left: String, _ right: String) -> Bool {
        ASCII.equalIgnoringCase(Array(left.utf8).span, Array(right.utf8).span)
    }

    @Test("the same seed gives the same numbers, within bounds")
    func random() {
        var first = RandomSource(seed: 7)
        var second = RandomSource(seed: 7)
        var other = RandomSource(seed: 8)
        #expect((0..<100).map { _ in first.next() } == (0..<100).map { _ in second.next() })
        #expect(first.next() != other.next())
        for bound in [1, 2, 10] {
            for _ in 0..<100 { #expect((0..<bound).contains(first.below(bound))) }
        }
        #expect(first.below(0) == 0)
        let hits = (0..<10_000).count { _ in first.oneIn(10) }
        #expect((800...1_200).contains(hits))
    }
}
