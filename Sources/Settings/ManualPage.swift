/// The text of the manual page weir.yaml(5), in the macros of man(7): every setting with its form, its default
/// and what it does, from the same table as everything else.
public func manualPageText() -> String {
    var text = """
        .\\" Made from the table of settings (Sources/Settings/ManualPage.swift); changes here are lost.
        .TH WEIR.YAML 5 "" weir "File formats"
        .SH NAME
        weir.yaml \\- settings of the proxy weir
        .SH SYNOPSIS
        .I /etc/weir/weir.yaml
        .SH DESCRIPTION
        A mapping in YAML. A file needs only what it changes; nothing at all is a valid file. Unknown and repeated
        keys are refused, with line and column, and so are anchors, aliases and tags.
        .PP
        Durations and sizes carry units: 500ms, 30s, 1m30s, 2h; 512B, 64KiB, 1MiB. Where there may be no limit, write
        .BR unlimited ;
        0 never means a mode. A list is written as
        .B [a, b]
        or with one item a line.
        .PP
        Each setting can also be given as
        .BR "\\-\\-set " \\fIsection.key\\fR=\\fIvalue\\fR ,
        or in the environment as
        .BR \(roff(SettingTable.environmentPrefix))\\fISECTION_KEY\\fR ,
        such as \(roff(sample.environmentName)) for \(roff(sample.key)).
        A flag beats the environment, the environment beats the file, the file beats the default.
        .B weir check \\-\\-print
        shows what holds and where it came from.
        .PP
        .B systemctl reload weir
        has the file read again without dropping a connection. If anything in it is wrong, all former settings stay.
        .SH SETTINGS

        """
    var section: String?
    for row in SettingTable.rows {
        if row.section != section, let name = row.section { text += ".SS Section \(roff(name))\n" }
        section = row.section
        text += entry(row)
    }
    return text + ending
}

/// The setting that stands for all where one is shown.
private var sample: Setting { SettingTable.rows.first { $0.section != nil } ?? SettingTable.rows[0] }

private let ending = """
    .SH FILES
    .TP
    .I /etc/weir/weir.yaml
    What the unit weir.service reads. The daemon itself reads no file unless it is told to, by
    .B \\-\\-config
    or
    .BR \(roff(SettingTable.configVariable)) .
    .SH EXAMPLES
    Apps are served on two addresses, each with a range of ports of its own, and the log has a line for each exchange:
    .PP
    .nf
    listen: [127.0.0.1:3128, 127.0.0.2:3128]
    log:
      access: on
    .fi
    .SH SEE ALSO
    .BR weir (8)

    """

private func entry(_ row: Setting) -> String {
    let restart = row.reloadable ? "" : " A reload does not change it."
    return """
        .TP
        \\fB\(roff(row.key))\\fR (\(roff(row.form)); default \\fB\(roff(row.defaultText))\\fR)
        \(roff(row.help + restart))

        """
}

/// A text as roff takes it literally: hyphens that can be copied, no escapes, no requests.
private func roff(_ text: String) -> String {
    var escaped = ""
    for character in text {
        switch character {
        case "\\": escaped += "\\e"
        case "-": escaped += "\\-"
        default: escaped.append(character)
        }
    }
    return escaped.hasPrefix(".") || escaped.hasPrefix("'") ? "\\&\(escaped)" : escaped
}
