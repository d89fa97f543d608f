import Basics

/// What a person or a program reads of an error: what happened, to whom weir spoke, what to look at.
enum AnswerContent {
    /// `weir: what happened: host:port (what to look at)`, one line.
    static func text(_ kind: AnswerKind, proxy: String, destination: ByteBuffer) -> ByteBuffer {
        var out = ByteBuffer()
        out.append(proxy)
        out.append(": ")
        out.append(kind.reason)
        if !destination.isEmpty {
            out.append(": ")
            out.append(destination.span)
        }
        if !kind.hint.isEmpty {
            out.append(" (")
            out.append(kind.hint)
            out.append(")")
        }
        out.append("\n")
        return out
    }

    /// The same as an object in one line. Nothing in it needs to be escaped: the texts are our own, and the
    /// alphabet of a host has neither quotes nor backslashes.
    static func json(_ kind: AnswerKind, proxy: String, destination: ByteBuffer) -> ByteBuffer {
        var out = ByteBuffer()
        out.append("{\"proxy\":\"")
        out.append(proxy)
        out.append("\",\"status\":")
        out.append(decimal: UInt64(kind.status))
        for (name, value) in [("error", kind.token), ("reason", kind.reason), ("hint", kind.hint)]
        where !value.isEmpty {
            out.append(",\"")
            out.append(name)
            out.append("\":\"")
            out.append(value)
            out.append("\"")
        }
        if !destination.isEmpty {
            out.append(",\"destination\":\"")
            out.append(destination.span)
            out.append("\"")
        }
        out.append("}\n")
        return out
    }
}
