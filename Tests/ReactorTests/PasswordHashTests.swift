import Reactor
import Testing

@Suite("hashes of passwords")
struct PasswordHashTests {
    /// Of "s3cret pass", by htpasswd -B -C 4, mkpasswd -m sha-512 and mkpasswd -m yescrypt.
    static let hashes = [
        "$2y$04$iW0BPtx3sr9j/vigN64T7.J8FhuiJzGys.ZQhRFRPEzzbFaAkjr.K",
        "$6$rounds=1000$saltsalt$B4XP8/G.TeKxIuEAe0zDF7oI7X6JBIzTC/LxnpeYNz62aSCShmRhVF..RkA8dP9b.BARuF8TB0Crpg7R9Nw0W.",
        "$5$rounds=1000$saltsalt$2wK6OG/X7ddFtQrv6zSo5SLFb1t.C/Bvjzt/3em8GP4",
        "$y$j75$abcdefghijklmnopqrstu.$9adlMjWtMKN0heYykXrYt6sChozFtb2t4OQvJc5Nga6",
    ]

    @Test("the right password, and no other", arguments: hashes)
    func matches(hash: String) {
        #expect(PasswordHash.matches(Array("s3cret pass".utf8), hash))
        for wrong in ["", "s3cret", "s3cret pass ", "S3cret pass", "s3cret pass\0", "s3cret pass\0x"] {
            #expect(!PasswordHash.matches(Array(wrong.utf8), hash), "\(wrong)")
        }
        #expect(!PasswordHash.matches([UInt8](repeating: 97, count: 512), hash))
    }

    @Test("what is no hash matches nothing", arguments: ["", "*", "!", "*0", "plain", "$2y$", "$9$abc$def"])
    func broken(hash: String) {
        #expect(!PasswordHash.matches(Array("plain".utf8), hash))
        #expect(!PasswordHash.matches([], hash))
    }
}
