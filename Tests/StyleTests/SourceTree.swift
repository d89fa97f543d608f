import Foundation

/// One Swift file of the project, read as text.
struct SourceFile {
    /// Path from the repository's root.
    let path: String
    let lines: [Substring]

    /// The target that the file belongs to: the folder below `Sources` or `Tests`.
    var target: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }

    /// The lines without comments and string literals, so that words in prose do not count as code.
    var code: [(number: Int, text: String)] {
        var found: [(Int, String)] = []
        var isInText = false
        for (index, line) in lines.enumerated() {
            let isFence = line.contains("\"\"\"")
            if !isInText && !isFence { found.append((index + 1, SourceFile.stripped(line))) }
            if isFence && line.components(separatedBy: "\"\"\"").count % 2 == 0 { isInText.toggle() }
        }
        return found
    }

    private static func stripped(_ line: Substring) -> String {
        var result = ""
        var isInString = false
        var previous: Character = " "
        for character in line {
            if character == "\"" && previous != "\\" { isInString.toggle() }
            if !isInString {
                if character == "/" && previous == "/" { return String(result.dropLast()) }
                result.append(character)
            }
            previous = character
        }
        return result
    }
}

/// The repository that this test was compiled from.
enum SourceTree {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// All Swift files below a folder of the repository.
    static func files(below folder: String) -> [SourceFile] {
        let base = root.appendingPathComponent(folder)
        guard let walker = FileManager.default.enumerator(atPath: base.path) else { return [] }
        return walker.compactMap { entry in
            guard let name = entry as? String, name.hasSuffix(".swift"),
                let text = try? String(contentsOf: base.appendingPathComponent(name), encoding: .utf8)
            else { return nil }
            return SourceFile(
                path: "\(folder)/\(name)",
                lines: text.split(separator: "\n", omittingEmptySubsequences: false)
            )
        }
    }

    /// The text of every file below a folder that a test might name things in.
    static func text(below folder: String) -> String {
        files(below: folder).map { $0.lines.joined(separator: "\n") }.joined(separator: "\n")
    }
}
