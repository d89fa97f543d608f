internal import CCrypt
internal import Glibc

/// What is kept of a password, as crypt(5) writes it: bcrypt, SHA-512, yescrypt and their kind.
public enum PasswordHash {
    /// Longest password that is looked at, in bytes; crypt(3) takes no longer ones.
    public static let longestPassword = 511

    /// Whether a hash is of this password. Made to take its time, some 50 ms and more: not on a loop's thread.
    public static func matches(_ password: [UInt8], _ hash: String) -> Bool {
        // A NUL would end the phrase early, and so match another password.
        guard password.count <= longestPassword, !password.contains(0) else { return false }
        let phrase = password.map { CChar(bitPattern: $0) } + [0]
        var scratch: UnsafeMutableRawPointer?
        var size: Int32 = 0
        defer {
            if let scratch {
                explicit_bzero(scratch, Int(size))
                free(scratch)
            }
        }
        guard let text = crypt_ra(phrase, hash, &scratch, &size) else { return false }
        return isEqual(String(cString: text), hash)
    }

    /// Compares in a time that does not tell how much is equal.
    private static func isEqual(_ left: String, _ right: String) -> Bool {
        let (left, right) = (Array(left.utf8), Array(right.utf8))
        var difference: UInt8 = left.count == right.count && !left.isEmpty ? 0 : 1
        for index in 0..<min(left.count, right.count) { difference |= left[index] ^ right[index] }
        return difference == 0
    }
}
