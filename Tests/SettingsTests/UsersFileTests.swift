import Testing

@testable import Settings

@Suite("the file of users")
struct UsersFileTests {
    private static let hash = "$2y$05$abcdefghijklmnopqrstuu5Lz9VnVbVbVbVbVbVbVbVbVbVbVbVbVb"

    @Test("users, comments and blank lines")
    func users() {
        let file = UsersFile(path: "u", text: "# us\n\nada:\(Self.hash)\r\n bob :$6$salt$0123456789abcdef\n")
        #expect(file.complaints.isEmpty)
        #expect(file.hashes == ["ada": Self.hash, "bob ": "$6$salt$0123456789abcdef"])
    }

    @Test(
        "a bad line is named, and no hash is shown",
        arguments: [
            ("ada", "u:2:1: this is no user"), (":\(hash)", "u:2:1: this is no user"),
            ("ada:s3cret", "u:2:1: 'ada' has no hash that is taken"),
            ("ada:$1$s3crets3cret$abcdefgh", "'ada' has no hash"),
            ("ada:{SHA}s3crets3crets3crets3cret", "htpasswd -B"),
            ("ada:\(hash)\nada:\(hash)", "u:3:1: 'ada' is in the file twice"),
            ("ada:\(hash):0", "has no hash"),
        ]
    )
    func bad(text: String, complaint: String) {
        let file = UsersFile(path: "u", text: "#\n\(text)\n")
        #expect(file.complaints.count == 1)
        let told = file.complaints.first?.description ?? ""
        #expect(told.contains(complaint) && !told.contains("s3cret") && !told.contains(Self.hash), "\(told)")
    }

    @Test("a file that cannot be read is refused, and so are passwords in the clear")
    func refused() throws {
        let told = refusal(set: [("access.users_file", "/nonexistent/users")])
        #expect(told.count == 1 && told[0].contains("access.users_file: '/nonexistent/users' cannot be read"))
        let file = ("access.users_file", "/dev/null")
        let open = refusal(set: [file, ("listen", "127.0.0.1:3128,192.0.2.1:3128")])
        #expect(open.count == 1 && open[0].contains("192.0.2.1:3128 over the network in the clear"))
        _ = try load(set: [file, ("listen", "192.0.2.1:3128"), ("access.basic_auth_without_tls", "on")])
        _ = try load(set: [file, ("listen", "127.0.0.9:3128,[::1]:3128,unix:/run/weir/proxy.sock")])
    }
}
