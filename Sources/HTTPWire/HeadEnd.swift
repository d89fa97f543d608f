internal import Basics

/// Finds where a head ends before anything of it is parsed.
enum HeadEnd {
    /// An index behind some CR LF CR LF that starts at `start` or later, or nil while there is none. A head
    /// that starts before it ends at it or before it.
    ///
    /// Most request heads arrive alone, so that the last four bytes already tell.
    @inline(__always)
    static func bound(_ bytes: Span<UInt8>, from start: Int) -> Int? {
        let count = bytes.count
        if count &- start >= 4 && bytes[count &- 1] == ASCII.lineFeed
            && bytes[count &- 2] == ASCII.carriageReturn
            && bytes[count &- 3] == ASCII.lineFeed && bytes[count &- 4] == ASCII.carriageReturn
        {
            return count
        }
        return find(bytes, from: start)
    }

    /// The index behind the first CR LF CR LF that starts at `start` or later, or nil.
    ///
    /// Of four bytes in a row one is every fourth from `start` on, so that the others need not be looked at.
    private static func find(_ bytes: Span<UInt8>, from start: Int) -> Int? {
        var index = start &+ 3
        while index < bytes.count {
            let byte = bytes[index]
            if byte == ASCII.lineFeed {
                if isEnd(bytes, at: index &- 3) { return index &+ 1 }
                if isEnd(bytes, at: index &- 1) { return index &+ 3 }
            } else if byte == ASCII.carriageReturn {
                if isEnd(bytes, at: index &- 2) { return index &+ 2 }
                if isEnd(bytes, at: index) { return index &+ 4 }
            }
            index &+= 4
        }
        return nil
    }

    /// Whether a whole CR LF CR LF stands at `index`, which is not negative.
    @inline(__always)
    private static func isEnd(_ bytes: Span<UInt8>, at index: Int) -> Bool {
        index &+ 3 < bytes.count && bytes[index] == ASCII.carriageReturn
            && bytes[index &+ 1] == ASCII.lineFeed && bytes[index &+ 2] == ASCII.carriageReturn
            && bytes[index &+ 3] == ASCII.lineFeed
    }

    /// Refuses what no continuation can make valid: control characters and broken line ends from `start`
    /// on. Without this a client that sends bare line feeds, or TLS, would wait for the timeout.
    ///
    /// - Parameter scanned: Up to where an earlier call has done so.
    static func checkIncomplete(_ bytes: Span<UInt8>, from start: Int, scanned: Int) throws(WireError) {
        var index = max(start, scanned)
        // A carriage return at the end of the earlier pieces is judged by what has come behind it.
        if index > start && bytes[index &- 1] == ASCII.carriageReturn { index &-= 1 }
        while true {
            index = ByteScan.endOfText(bytes, from: index)
            if index == bytes.count { return }
            guard bytes[index] == ASCII.carriageReturn else {
                throw ByteScan.error(for: bytes[index], otherwise: .controlCharacter)
            }
            if index &+ 1 == bytes.count { return }
            if bytes[index &+ 1] != ASCII.lineFeed { throw .bareCarriageReturn }
            index &+= 2
        }
    }
}
