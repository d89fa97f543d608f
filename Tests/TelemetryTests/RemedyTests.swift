import Telemetry
import Testing

@Suite("Remedies")
struct RemedyTests {
    @Test(
        "software is recognised by what it says of itself",
        arguments: [
            ("Go-http-client/1.1", Remedy.go), ("Go-http-client/2.0", .go),
            ("python-requests/2.31.0", .pythonRequests), ("python-httpx/0.27", .pythonOther),
            ("Python/3.12 aiohttp/3.9.1", .pythonOther), ("Python-urllib/3.11", .pythonOther),
            ("axios/1.6.2", .node), ("undici", .node), ("node", .node), ("node-fetch/1.0", .node),
            ("got (https://github.com/sindresorhus/got)", .node), ("Java-http-client/21.0.1", .java),
            ("okhttp/4.12.0", .java), ("Apache-HttpClient/5.2 (Java/17)", .java), ("Java/1.8.0_392", .java),
            ("Ruby", .ruby), ("Faraday v2.7.0", .ruby), ("GuzzleHttp/7", .php), ("PHP/8.2", .php),
            (".NET Framework/4.8", .dotnet), ("curl/8.5.0", .curl), ("Mozilla/5.0", .other), ("", .other),
        ]
    )
    func agents(agent: String, remedy: Remedy) {
        #expect(Remedy.recognise(agent: agent, executable: nil) == remedy)
    }

    @Test(
        "else by the name of its program, whatever folder that is in",
        arguments: [
            ("/usr/lib/jvm/java-21/bin/java", Remedy.java), ("/usr/bin/node", .node), ("nodejs", .node),
            ("/usr/bin/python3.12", .pythonOther), ("/usr/bin/dotnet", .dotnet), ("/usr/bin/ruby3.1", .ruby),
            ("/usr/sbin/php-fpm8.2", .php), ("/usr/bin/curl", .curl), ("/opt/python/server", .other),
            ("/opt/shop/server", .other), ("/", .other), ("", .other), ("JAVA", .java),
        ]
    )
    func programs(executable: String, remedy: Remedy) {
        #expect(Remedy.recognise(agent: "", executable: executable) == remedy)
        #expect(Remedy.recognise(agent: "Shop/1.0", executable: executable) == remedy)
    }

    @Test("what it says of itself counts more than its program")
    func agentFirst() {
        #expect(Remedy.recognise(agent: "python-requests/2", executable: "/usr/bin/node") == .pythonRequests)
    }

    @Test("every remedy is one line of its own, without a full stop, that says what to do")
    func texts() {
        let texts = Remedy.allCases.map(\.text)
        #expect(Set(texts).count == texts.count)
        for text in texts {
            #expect(!text.isEmpty && !text.hasSuffix(".") && !text.contains("\n"))
            #expect(text.first?.isLowercase == true)
        }
        #expect(Remedy.go.text.contains("IdleConnTimeout") && Remedy.pythonRequests.text.contains("Session"))
        #expect(Remedy.node.text.contains("Agent") && Remedy.java.text.contains("HttpClient"))
    }
}
