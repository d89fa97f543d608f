extension ValueGrammar where Value == [ListenAddress] {
    /// At least one `address:port` or `unix:/path`.
    static var listenAddresses: ValueGrammar {
        ValueGrammar(
            form: "list of address:port or unix:/path",
            takesList: true,
            parse: { raw throws(ValueProblem) in
                try parseList(raw, emptyMeans: "write at least one address:port or unix:/path") {
                    text throws(ValueProblem) in try parseListenAddress(text)
                }
            },
            format: { $0.map(\.description).joined(separator: ",") }
        )
    }
}

extension ValueGrammar where Value == UInt32 {
    /// Permissions of a socket's file, in octal.
    static var socketMode: ValueGrammar {
        let form = "permissions in octal, such as 0660"
        return .scalar(form, format: octal) { text throws(ValueProblem) in
            guard (3...4).contains(text.utf8.count), text.utf8.allSatisfy({ (48...55).contains($0) }),
                let mode = UInt32(text, radix: 8), mode <= 0o777
            else { throw ValueProblem("\(quoted(text)) is not from 0002 to 0777; write \(form)") }
            // unix(7): to connect takes the permission to write.
            guard mode & 0o222 != 0 else {
                throw ValueProblem("\(quoted(text)) lets nobody write, and so nobody connect; write \(form)")
            }
            return mode
        }
    }
}

/// `0660`.
private func octal(_ mode: UInt32) -> String {
    let digits = String(mode, radix: 8)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
}

/// Parses `address:port` or `unix:/path`.
func parseListenAddress(_ text: String) throws(ValueProblem) -> ListenAddress {
    if text.hasPrefix(unixPrefix) {
        return .unix(path: try parseSocketPath(text.dropFirst(unixPrefix.count)))
    }
    if text.hasPrefix("/") {
        throw ValueProblem("\(quoted(text)) is a path; write unix:\(printable(text))")
    }
    return .network(try parseEndpoint(text))
}

/// What a Unix socket's path is written behind.
private let unixPrefix = "unix:"

/// Bytes of the longest path that the address of a Unix socket has room for beside its NUL (unix(7)).
private let longestPath = 107

private func parseSocketPath(_ path: Substring) throws(ValueProblem) -> String {
    let example = "unix:/run/weir/proxy.sock"
    let shown = quoted(unixPrefix + path)
    guard !path.isEmpty else { throw ValueProblem("\(shown) has no path; write something like \(example)") }
    // An abstract name has no permissions: every process of the network namespace could take or use it.
    if path.hasPrefix("@") {
        throw ValueProblem("\(shown) is an abstract name, which has no permissions; write \(example)")
    }
    guard path.hasPrefix("/") else {
        throw ValueProblem("\(shown) is no absolute path; write something like \(example)")
    }
    // In a list a comma separates, and blanks around an item are not its own.
    let isRefused: (Unicode.Scalar) -> Bool = {
        $0 == "," || $0 == " " || $0.properties.generalCategory == .control
    }
    if path.unicodeScalars.contains(where: isRefused) {
        throw ValueProblem("\(shown) has a comma, a blank or a control character; choose another path")
    }
    if path.hasSuffix("/") { throw ValueProblem("\(shown) is a directory; write something like \(example)") }
    guard path.utf8.count <= longestPath else {
        throw ValueProblem(
            "\(shown) has a path of \(path.utf8.count) bytes; a socket's may have at most \(longestPath)"
        )
    }
    return String(path)
}
