/// Users and what is kept of their passwords: lines of `name:hash`, as htpasswd writes them.
struct UsersFile {
    /// Longest file that is read, in bytes.
    static let longest = 1 << 20
    /// What the hashes begin with that are taken. MD5, SHA-1 and DES are guessed too fast.
    static let kinds = ["$2y$", "$2b$", "$2a$", "$5$", "$6$", "$y$"]

    private(set) var hashes: [String: String] = [:]
    private(set) var complaints: [SettingComplaint] = []

    /// Reads the file at `path`; `provenance` is where it was named.
    static func read(_ path: String, named provenance: Provenance?) -> UsersFile {
        switch readWholeFile(path, limit: longest) {
        case .success(let text): return UsersFile(path: path, text: String(decoding: text, as: UTF8.self))
        case .failure(let failure):
            var file = UsersFile(path: path, text: "")
            let problem = "\(quoted(path)) cannot be read: \(failure.reason)"
            file.complaints = [SettingComplaint(at: provenance, key: "access.users_file", problem)]
            return file
        }
    }

    /// Reads a text; `path` is for messages.
    init(path: String, text: String) {
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (index, line) in lines.enumerated() {
            let line = trimmed(line)
            if line.isEmpty || line.hasPrefix("#") { continue }
            guard let problem = add(line) else { continue }
            let place = Provenance.file(path: path, line: index + 1, column: 1)
            complaints.append(SettingComplaint(at: place, problem))
            if complaints.count >= SettingsFile.mostComplaints { return }
        }
    }

    /// Adds a line; returns what is wrong with it. A hash is never shown.
    private mutating func add(_ line: String) -> String? {
        guard let colon = line.firstIndex(of: ":"), colon != line.startIndex else {
            return "this is no user; write name:hash, as htpasswd -B does"
        }
        let name = String(line[..<colon])
        let hash = String(line[line.index(after: colon)...])
        guard UsersFile.kinds.contains(where: { hash.hasPrefix($0) }), hash.utf8.count >= 20,
            !hash.contains(where: { $0 == ":" || $0.isWhitespace })
        else {
            return
                "\(quoted(name)) has no hash that is taken; make it with htpasswd -B or mkpasswd -m sha-512"
        }
        return hashes.updateValue(hash, forKey: name) == nil ? nil : "\(quoted(name)) is in the file twice"
    }
}
