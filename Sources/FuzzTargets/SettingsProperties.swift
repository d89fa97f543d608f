import Glibc
import Settings

/// What must hold for a settings file: it is read or refused, every complaint has a place in the text, and
/// settings that are accepted can be written out and are accepted again as the same.
struct SettingsProperties {
    private let input: [UInt8]
    private let mistake: PlantedMistake?

    private static let path = "f"
    private static let host = HostFacts(descriptorLimit: 20_000, ephemeralPorts: 32768...60999)
    private static let keys = SettingTable.descriptions.map(\.key)

    init(_ input: [UInt8], _ mistake: PlantedMistake?) {
        self.input = input
        self.mistake = mistake
    }

    func check() throws(BrokenProperty) {
        switch try load(input) {
        case .failure(let error): try checkComplaints(error)
        case .success(let loaded):
            let text = written(loaded)
            guard case .success(let again) = try load(text) else {
                throw BrokenProperty(
                    "accepted settings are refused when written out: \(String(decoding: text, as: UTF8.self))"
                )
            }
            try require(again.settings == loaded.settings, "settings written out are read as others")
            try require(again.changes(since: loaded).isEmpty, "settings written out are shown as others")
            try require(written(again) == text, "settings are written in two ways")
        }
    }

    /// The library reads files only, so the text is put into one that lives in memory.
    private func load(_ text: [UInt8]) throws(BrokenProperty) -> Result<LoadedSettings, SettingsError> {
        let name = "/weir-fuzz-\(UInt64.random(in: 0 ... .max))"
        let descriptor = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0o600)
        try require(descriptor >= 0, "no memory for a file")
        shm_unlink(name)
        defer { close(descriptor) }
        try require(write(descriptor, text, text.count) == text.count, "a file in memory takes no more")
        do throws(SettingsError) {
            return .success(
                try LoadedSettings.load(
                    path: "/proc/self/fd/\(descriptor)",
                    environment: [],
                    overrides: [],
                    facts: SettingsProperties.host
                )
            )
        } catch {
            return .failure(error)
        }
    }

    private func checkComplaints(_ error: SettingsError) throws(BrokenProperty) {
        try require(!error.complaints.isEmpty, "refused without a reason")
        let text = LineTable(input)
        for complaint in error.complaints {
            try require(!complaint.problem.isEmpty, "an empty complaint")
            for scalar in complaint.description.unicodeScalars {
                try require(scalar.value >= 32 && scalar.value != 127, "a complaint of several lines")
            }
            guard case .file(_, var line, let column)? = complaint.provenance else {
                throw BrokenProperty("a complaint without a place: \(complaint)")
            }
            if mistake == .wrongLine { line += text.count + 1 }
            try require(text.contains(line: line, column: column), "no such place: \(complaint)")
        }
    }

    /// All settings as a file.
    private func written(_ loaded: LoadedSettings) -> [UInt8] {
        var text = ""
        var section: Substring?
        for key in SettingsProperties.keys {
            let parts = key.split(separator: ".", maxSplits: 1)
            let owner = parts.count == 2 ? parts.first : nil
            if owner != section, let owner { text += "\(owner):\n" }
            section = owner
            if mistake == .loseSetting && key == "client.idle_timeout" { continue }
            text += "\(owner == nil ? "" : "  ")\(parts.last ?? ""): '\(loaded.text(of: key) ?? "")'\n"
        }
        return Array(text.utf8)
    }
}

/// The places in a text.
struct LineTable {
    /// Characters in each line as YAML breaks lines.
    private var lengths = [0]
    /// Characters in each line where only line feeds break lines: so weir counts up to bytes that are no text,
    /// of which libyaml tells an offset only.
    private var lengthsByLineFeed = [0]
    /// Not UTF-8: libyaml reads UTF-16 where the text says so, and then characters are not counted here.
    private let isWide: Bool
    private let size: Int

    init(_ bytes: [UInt8]) {
        size = bytes.count
        isWide = bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF])
        if isWide { return }
        var previous: Unicode.Scalar = " "
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            switch scalar {
            case "\n" where previous == "\r": break
            case "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}": lengths.append(0)
            default: lengths[lengths.count - 1] += 1
            }
            if scalar == "\n" {
                lengthsByLineFeed.append(0)
            } else {
                lengthsByLineFeed[lengthsByLineFeed.count - 1] += 1
            }
            previous = scalar
        }
    }

    /// How many lines there are.
    var count: Int { isWide ? size : lengths.count }

    /// Whether there is such a place, the one behind the last character included; both count from 1.
    func contains(line: Int, column: Int) -> Bool {
        guard line >= 1, column >= 1 else { return false }
        if isWide { return line <= size + 1 && column <= size + 1 }
        // The end of a text lies in the line behind its last break.
        if line == lengths.count + 1 { return column == 1 }
        for table in [lengths, lengthsByLineFeed]
        where line <= table.count && column <= table[line - 1] + 1 {
            return true
        }
        return false
    }
}
