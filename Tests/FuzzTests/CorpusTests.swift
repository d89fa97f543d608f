import Foundation
import FuzzTargets
import Testing

/// What the fuzzer keeps in the repository.
enum FuzzFiles {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Fuzz")

    /// The inputs in a folder, each with its name; none where there is no such folder.
    static func inputs(_ folder: String, _ target: FuzzTarget) -> [(name: String, bytes: [UInt8])] {
        let directory = root.appendingPathComponent(folder).appendingPathComponent(target.rawValue)
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []
        return names.sorted().compactMap { name in
            guard let data = try? Data(contentsOf: directory.appendingPathComponent(name)) else { return nil }
            return ("\(folder)/\(target.rawValue)/\(name)", [UInt8](data))
        }
    }

    static func hasDictionary(_ target: FuzzTarget) -> Bool {
        let path = root.appendingPathComponent("dictionaries/\(target.rawValue).dict").path
        return FileManager.default.fileExists(atPath: path)
    }
}

@Suite("the fuzzer's targets")
struct CorpusTests {
    @Test("every input that was ever kept or failed keeps the properties", arguments: FuzzTarget.allCases)
    func replay(target: FuzzTarget) {
        for (name, bytes) in FuzzFiles.inputs("corpus", target) + FuzzFiles.inputs("failures", target) {
            let violation = target.violation(bytes)
            #expect(violation == nil, "\(name)")
        }
    }

    @Test("every target has a dictionary and a corpus, and that is small", arguments: FuzzTarget.allCases)
    func files(target: FuzzTarget) {
        let corpus = FuzzFiles.inputs("corpus", target)
        #expect(FuzzFiles.hasDictionary(target))
        #expect(corpus.count > 20 && corpus.count < 300)
        #expect(corpus.reduce(0) { $0 + $1.bytes.count } < 300_000)
    }

    @Test("no input and short inputs are inputs too", arguments: FuzzTarget.allCases)
    func short(target: FuzzTarget) {
        #expect(target.violation([]) == nil)
        for byte in UInt8.min...UInt8.max {
            #expect(target.violation([byte]) == nil)
            #expect(target.violation([0, 0, byte, 0]) == nil)
        }
    }

    @Test("every planted mistake breaks a property", arguments: PlantedMistake.allCases)
    func mistakes(mistake: PlantedMistake) {
        for target in mistake.targets {
            let inputs = FuzzFiles.inputs("corpus", target).map(\.bytes) + CorpusTests.examples(target)
            let isFound = inputs.contains { target.violation($0, planting: mistake) != nil }
            #expect(isFound, "\(target.rawValue)")
        }
    }

    @Test("the examples keep the properties", arguments: FuzzTarget.allCases)
    func examples(target: FuzzTarget) {
        for example in CorpusTests.examples(target) { #expect(target.violation(example) == nil) }
    }

    /// Inputs that a corpus of few and short ones may lack.
    private static func examples(_ target: FuzzTarget) -> [[UInt8]] {
        let texts: [String] =
            switch target {
            case .chunked: ["10\r\n0123456789abcdef\r\n0\r\n\r\n"]
            case .settings: ["client:\n  idle_timeout: 7s\n", "listen: '[::1]:1,127.0.0.1:2'\n"]
            case .target: ["http://user@a/", "http://[::1]:8080/?q", "a.test:443"]
            case .requestHead: ["GET http://a/ HTTP/1.1\r\nHost: a\r\nConnection: x-a\r\nX-A: 1\r\n\r\n"]
            case .responseHead: ["HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\n\r\n"]
            case .firstBytes: ["GET / HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
            case .engine: []
            }
        return texts.map { Array($0.utf8) }
    }

    @Test("every target has a planted mistake")
    func targets() {
        #expect(Set(PlantedMistake.allCases.flatMap(\.targets)) == Set(FuzzTarget.allCases))
    }
}
