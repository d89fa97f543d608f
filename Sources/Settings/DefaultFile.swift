/// Width to which comments are wrapped in the generated file.
private let width = 100

/// The text of `config/weir.yaml`: every setting at its default, with what it does and what may be written.
public func defaultFileText() -> String {
    var text = """
        # weir: every setting, at its default. A file needs only what it changes.
        #
        # Durations and sizes carry units: 500ms, 30s, 1m30s, 2h; 512B, 64KiB, 1MiB. Where there may be no
        # limit, write unlimited; 0 never means a mode. Unknown and repeated keys are refused, with line
        # and column. Each setting can also be given as --set section.key=value, or in the environment as
        # WEIR_SECTION_KEY: a flag beats the environment, the environment beats this file.
        # `weir check --config FILE --print` shows what holds and where it came from.

        """
    var section: String?
    for row in SettingTable.rows {
        if row.section != section, let name = row.section {
            text += "\n\(name):\n"
        } else {
            text += "\n"
        }
        section = row.section
        text += fileEntry(row)
    }
    return text
}

private func fileEntry(_ row: Setting) -> String {
    let indent = row.section == nil ? "" : "  "
    let restart = row.reloadable ? "" : " A change takes a restart or an upgrade."
    var text = ""
    for line in wrapped(row.help + restart, to: width - indent.count - 2) { text += "\(indent)# \(line)\n" }
    text += "\(indent)# (\(row.form))\n"
    text += "\(indent)\(row.name): \(row.defaultText)\n"
    return text
}

/// Breaks a text between words.
private func wrapped(_ text: String, to width: Int) -> [String] {
    var lines: [String] = []
    for word in text.split(separator: " ") {
        if let line = lines.last, line.count + 1 + word.count <= width {
            lines[lines.count - 1] = "\(line) \(word)"
        } else {
            lines.append(String(word))
        }
    }
    return lines
}
