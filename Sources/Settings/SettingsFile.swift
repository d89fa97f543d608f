import Basics

/// The settings that a file gives, and everything that is wrong with its shape.
///
/// The shape is fixed: a mapping of settings and sections, each section a mapping of settings, each setting a
/// scalar or a sequence of scalars. Values are judged later, by their grammar.
struct SettingsFile {
    /// Longest file that is read, in bytes: fifty times the generated one.
    static let longest = 1 << 20

    private(set) var values: [(key: String, value: RawValue)] = []
    private(set) var complaints: [SettingComplaint] = []

    private let path: String
    private let text: [UInt8]
    private let reader: YAMLEventReader
    /// Where each setting and section stands, to refuse a second one.
    private var places: [String: YAMLMark] = [:]

    /// Reads the file at `path`.
    static func read(_ path: String) -> Result<SettingsFile, SettingsError> {
        switch readWholeFile(path, limit: longest) {
        case .success(let text): .success(SettingsFile(path: path, text: text))
        case .failure(let failure):
            .failure(
                SettingsError(complaints: [
                    SettingComplaint(at: nil, key: printable(path), "cannot be read: \(failure.reason)")
                ])
            )
        }
    }

    /// Reads a text; `path` is for messages.
    init(path: String, text: [UInt8]) {
        self.path = path
        self.text = text
        reader = YAMLEventReader(text)
        do throws(YAMLSyntaxProblem) {
            try readStream()
        } catch {
            complain(error.mark, nil, "this is not YAML: \(error.problem)\(syntaxHint(error.mark))")
        }
    }

    /// Complaints that a file gets, and those of them that guess what was meant: the search for a word that is
    /// near costs much, and a reload is read between two requests.
    static let mostComplaints = 100
    private static let mostGuesses = 20

    private mutating func complain(_ mark: YAMLMark, _ key: String?, _ problem: String) {
        if complaints.count > SettingsFile.mostComplaints { return }
        if complaints.count == SettingsFile.mostComplaints {
            let problem = "here and below is more that is wrong; mend what stands above first"
            complaints.append(SettingComplaint(at: provenance(mark), key: nil, problem))
            return
        }
        complaints.append(SettingComplaint(at: provenance(mark), key: key, problem))
    }

    private func provenance(_ mark: YAMLMark) -> Provenance {
        .file(path: path, line: mark.line, column: mark.column)
    }

    private mutating func readStream() throws(YAMLSyntaxProblem) {
        var documents = 0
        while true {
            let event = try reader.next()
            switch event.kind {
            case .streamStart, .documentEnd: continue
            case .documentStart:
                documents += 1
                if documents > 1 {
                    // Two documents would be two sets of settings, and only one of them could hold.
                    return complain(
                        event.mark,
                        nil,
                        "a second document begins here; a settings file is one document"
                    )
                }
            case .mappingStart: try readMapping(section: nil)
            case .scalar(""): continue
            case .streamEnd: return
            default:
                complain(event.mark, nil, "a settings file is a mapping, such as 'listen: 127.0.0.1:3128'")
                try skip(event)
            }
        }
    }

    /// Reads the pairs of the whole file (`section` nil) or of one section.
    private mutating func readMapping(section: String?) throws(YAMLSyntaxProblem) {
        while true {
            let event = try reader.next()
            switch event.kind {
            case .mappingEnd: return
            case .scalar(let name) where !event.isDecorated:
                try readPair(name, at: event.mark, section: section)
            default:
                complain(event.mark, section, "a key has to be a plain word")
                try skip(event)
                try skip(try reader.next())
            }
        }
    }

    private mutating func readPair(_ name: String, at mark: YAMLMark, section: String?)
        throws(YAMLSyntaxProblem)
    {
        let key = section.map { "\($0).\(name)" } ?? name
        let value = try reader.next()
        let isSection = section == nil && SettingTable.sections.contains(name)
        // A dotted name at the top would be a second way to write a key; it is told, not taken.
        let isSetting =
            SettingTable.byKey[key] != nil && (section != nil || SettingTable.byKey[key]?.section == nil)
        guard isSection || isSetting else {
            let isGuessed = complaints.count < SettingsFile.mostGuesses
            complain(mark, printable(key), isGuessed ? unknownKey(key, section: section) : "unknown setting")
            return try skip(value)
        }
        if let first = places[key] {
            complain(mark, key, "given twice; the first is at \(provenance(first).place)")
            return try skip(value)
        }
        places[key] = mark
        if isSection {
            try readSection(name, value)
        } else {
            try readValue(key, value)
        }
    }

    private func unknownKey(_ key: String, section: String?) -> String {
        if section == nil, let row = SettingTable.byKey[key], let owner = row.section {
            return
                "is in the section \(owner); write '\(owner):' and below it, indented, '\(row.name): …'"
        }
        let similarSections = section == nil ? nearest(to: key, among: SettingTable.sections) : []
        let guesses =
            similarSections.isEmpty ? suggestedKeys(for: key, among: SettingTable.keys) : similarSections
        return "unknown setting\(didYouMean(guesses))"
    }

    private mutating func readSection(_ name: String, _ event: YAMLEvent) throws(YAMLSyntaxProblem) {
        switch event.kind {
        case .mappingStart where !event.isDecorated: try readMapping(section: name)
        // All lines of a section commented out leave it empty, which is what it says.
        case .scalar("") where !event.isDecorated: return
        default:
            complain(event.mark, name, "is a section; its settings stand below it, indented")
            try skip(event)
        }
    }

    private mutating func readValue(_ key: String, _ event: YAMLEvent) throws(YAMLSyntaxProblem) {
        let provenance = provenance(event.mark)
        switch event.kind {
        case .scalar(let text) where !event.isDecorated:
            guard !text.isEmpty else {
                let standard = SettingTable.byKey[key]?.defaultText ?? ""
                return complain(
                    event.mark,
                    key,
                    "has no value; write \(standard) (the default) or remove the line"
                )
            }
            values.append((key, RawValue(text, at: provenance)))
        case .sequenceStart where !event.isDecorated:
            let items = try readItems(key)
            if let items { values.append((key, RawValue(sequence: items, at: provenance))) }
        case .mappingStart where !event.isDecorated:
            complain(event.mark, key, "takes a value, not further settings")
            try skip(event)
        default:
            complain(event.mark, key, "anchors, aliases and tags are not used in settings; write the value")
            try skip(event)
        }
    }

    /// The items of a sequence, or nil where one was refused.
    private mutating func readItems(_ key: String) throws(YAMLSyntaxProblem) -> [RawItem]? {
        var items: [RawItem] = []
        var isSound = true
        while true {
            let event = try reader.next()
            switch event.kind {
            case .sequenceEnd: return isSound ? items : nil
            case .scalar(let text) where !event.isDecorated:
                items.append(RawItem(text: text, provenance: provenance(event.mark)))
            default:
                complain(event.mark, key, "an item of a list has to be a plain value")
                isSound = false
                try skip(event)
            }
        }
    }

    /// Skips the rest of the node that `event` began.
    private func skip(_ event: YAMLEvent) throws(YAMLSyntaxProblem) {
        var depth = 0
        var kind = event.kind
        while true {
            switch kind {
            case .mappingStart, .sequenceStart: depth += 1
            case .mappingEnd, .sequenceEnd: depth -= 1
            default: break
            }
            if depth == 0 { return }
            kind = try reader.next().kind
        }
    }

    /// What people trip over, told from the line in question.
    private func syntaxHint(_ mark: YAMLMark) -> String {
        let lines = text.split(separator: ASCII.lineFeed, omittingEmptySubsequences: false)
        guard lines.indices.contains(mark.line - 1) else { return "" }
        let line = String(decoding: lines[mark.line - 1], as: UTF8.self)
        if line.prefix(mark.column).contains("\t") { return "; indent with spaces, YAML takes no tabs" }
        let follows = zip(line, line.dropFirst()).contains { $0 == "]" && $1 == ":" }
        return follows ? "; an IPv6 address needs quotation marks: \"[::1]:3128\"" : ""
    }
}
