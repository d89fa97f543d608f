import Foundation
import Testing

/// Rules of the house that a machine can check. Each lists every place that breaks it.
@Suite("Style")
struct StyleTests {
    private let sources = SourceTree.files(below: "Sources")

    /// Pure targets and what they may import, the standard library aside.
    private static let ladder: [String: Set<String>] = [
        "Basics": [],
        "HTTPWire": ["Basics"],
        "UpstreamPool": ["Basics"],
        "ClientPolicy": ["Basics"],
        "Dialling": ["Basics"],
        "Redirection": ["Dialling"],
        "Access": ["Basics", "Dialling"],
        "ProxyCore": ["Basics", "HTTPWire", "UpstreamPool", "ClientPolicy", "Dialling", "Access"],
        "Telemetry": ["Basics", "HTTPWire", "UpstreamPool", "ClientPolicy", "Access", "ProxyCore"],
        "Survey": ["Basics", "Dialling", "ClientPolicy", "Telemetry"],
    ]

    @Test("the source tree was found")
    func treeIsThere() {
        #expect(sources.count > 80)
        for target in StyleTests.ladder.keys {
            #expect(sources.contains { $0.target == target }, "\(target)")
        }
    }

    @Test("a pure target imports only pure targets below it")
    func imports() {
        var found: [String] = []
        for file in sources {
            guard let allowed = StyleTests.ladder[file.target] else { continue }
            for (number, line) in file.code where line.contains("import ") {
                guard let name = line.split(separator: " ").last.map(String.init) else { continue }
                if !allowed.contains(name) { found.append("\(file.path):\(number): imports \(name)") }
            }
        }
        #expect(found.isEmpty, "\(found.joined(separator: "\n"))")
    }

    @Test("a pure target has no clock, no output, no tasks, no force and nothing unsafe")
    func bannedInPureTargets() {
        let banned = [
            "ContinuousClock", "SuspendingClock", " Date(", "print(", "try!", " as! ", "Task {",
            "DispatchQueue",
            "unsafe ", "Unsafe", "fatalError(", "nonisolated(unsafe)", "@unchecked",
        ]
        expectNone(of: banned, in: sources.filter { StyleTests.ladder[$0.target] != nil })
    }

    @Test("nothing is forced, and nothing outside Reactor vouches for its own thread safety")
    func bannedInShell() {
        expectNone(of: ["try!", " as! "], in: sources)
        expectNone(of: ["@unchecked Sendable"], in: sources.filter { $0.target != "Reactor" })
    }

    @Test("identifiers use the words of the glossary")
    func glossary() {
        // "remote" and its kind say from where one looks; client and upstream say who is meant.
        let words = ["downstream", "inbound", "outbound", "backend", "remote"]
        var found: [String] = []
        for file in sources {
            for (number, line) in file.code {
                let lower = line.lowercased()
                for word in words where lower.contains(word) {
                    found.append("\(file.path):\(number): \(word)")
                }
            }
        }
        #expect(found.isEmpty, "\(found.joined(separator: "\n"))")
    }

    @Test("a file has at most 400 lines, a test file 500")
    func fileLengths() {
        var found: [String] = []
        for (folder, limit) in [("Sources", 400), ("Tests", 500)] {
            for file in SourceTree.files(below: folder) where file.lines.count > limit + 1 {
                found.append("\(file.path): \(file.lines.count) lines")
            }
        }
        #expect(found.isEmpty, "\(found.joined(separator: "\n"))")
    }

    @Test("a function has at most 60 lines")
    func functionLengths() {
        var found: [String] = []
        for file in sources {
            var start: (line: Int, indent: Int)?
            for (index, line) in file.lines.enumerated() {
                let indent = line.prefix { $0 == " " }.count
                let text = line.dropFirst(indent)
                if start == nil, text.contains("func ") || text.contains("init("), !text.hasPrefix("//"),
                    indent <= 8
                {
                    start = (index, indent)
                }
                if let begun = start, text == "}", indent == begun.indent {
                    let length = index - begun.line + 1
                    if length > 60 { found.append("\(file.path):\(begun.line + 1): \(length) lines") }
                    start = nil
                }
                // A declaration of one line, or a protocol's requirement, has no closing brace of its own.
                if let begun = start, begun.line == index, text.hasSuffix("}") || text.contains("{ get") {
                    start = nil
                }
            }
        }
        #expect(found.isEmpty, "\(found.joined(separator: "\n"))")
    }

    @Test("nothing is left to do")
    func leftovers() {
        let marks = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]
        var found: [String] = []
        for file in sources {
            for (index, line) in file.lines.enumerated() {
                for mark in marks where line.contains(mark) {
                    found.append("\(file.path):\(index + 1): \(mark)")
                }
            }
        }
        #expect(found.isEmpty, "\(found.joined(separator: "\n"))")
    }

    @Test("every cause, phase, refusal and limit is named in a test")
    func casesAreTested() {
        let tests = SourceTree.text(below: "Tests")
        var missing: [String] = []
        for (path, enumeration) in [
            ("Sources/ProxyCore", "Cause"), ("Sources/ProxyCore", "Phase"),
            ("Sources/UpstreamPool", "Refusal"),
            ("Sources/ClientPolicy", "ClientEnd"), ("Sources/ProxyCore", "Limit"),
        ] {
            let names = cases(of: enumeration, below: path)
            #expect(!names.isEmpty, "\(enumeration)")
            for name in names where !tests.contains(".\(name)") { missing.append("\(enumeration).\(name)") }
        }
        #expect(missing.isEmpty, "\(missing.joined(separator: "\n"))")
    }

    /// The case names of an enumeration, read from its declaration.
    private func cases(of enumeration: String, below folder: String) -> [String] {
        for file in SourceTree.files(below: folder) {
            guard
                let start = file.lines.firstIndex(where: { $0.hasPrefix("public enum \(enumeration):") })
            else { continue }
            let body = file.lines[start...].prefix { $0 != "}" }
            return body.compactMap { line in
                let words = line.split(separator: " ")
                // A case that is matched begins with a point.
                guard words.count > 1, words[0] == "case", !words[1].hasPrefix(".") else { return nil }
                return String(words[1])
            }
        }
        return []
    }

    private func expectNone(of banned: [String], in files: [SourceFile]) {
        var found: [String] = []
        for file in files {
            for (number, line) in file.code {
                for token in banned where line.contains(token) {
                    found.append("\(file.path):\(number): \(token)")
                }
            }
        }
        #expect(found.isEmpty, "\(found.joined(separator: "\n"))")
    }
}
