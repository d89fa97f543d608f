import Testing

@testable import Settings

@Suite("settings of the redirect")
struct RedirectSettingsTests {
    @Test("nothing is taken and nothing is marked unless it is asked for")
    func off() throws {
        let redirect = try load().settings.redirect
        #expect(redirect.listen.isEmpty && redirect.mark.count == 0)
    }

    @Test("on is both loopback addresses, and marks weir's own sockets")
    func on() throws {
        let loaded = try load(set: [("redirect.listen", "on")])
        #expect(loaded.settings.redirect.listen.map(\.description) == ["127.0.0.1:3129", "[::1]:3129"])
        #expect(loaded.settings.redirect.mark.count == 0x3077)
        #expect(loaded.text(of: "redirect.listen") == "on" && loaded.text(of: "redirect.mark") == "auto")
    }

    @Test("a list of addresses is taken as it stands")
    func list() throws {
        let loaded = try load(yaml: "redirect:\n  listen: [0.0.0.0:3129, '[::]:3130']\n")
        #expect(loaded.text(of: "redirect.listen") == "0.0.0.0:3129,[::]:3130")
    }

    @Test(
        "a mark is a number of 32 bits, decimal or hexadecimal",
        arguments: [
            ("0", 0), ("4294967295", 4_294_967_295), ("0x3077", 12_407), ("0xFFFFFFFF", 4_294_967_295),
        ]
    )
    func marks(_ text: String, _ mark: Int) throws {
        let loaded = try load(set: [("redirect.listen", "on"), ("redirect.mark", text)])
        #expect(loaded.settings.redirect.mark.count == mark)
        #expect(loaded.text(of: "redirect.mark") == String(mark))
    }

    @Test(
        "anything else is no mark",
        arguments: ["-1", "+1", "4294967296", "0x", "0x100000000", "0x-1", "1.5", "on", "3077h"]
    )
    func badMarks(_ text: String) {
        #expect(refusal(set: [("redirect.mark", text)]).count == 1)
    }

    @Test(
        "an address serves one purpose",
        arguments: [("listen", "127.0.0.1:3129"), ("admin", "[::1]:3129")]
    )
    func shared(_ key: String, _ address: String) {
        #expect(refusal(set: [("redirect.listen", "on"), (key, address)]).count == 1)
    }
}
