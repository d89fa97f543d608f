import Dialling
import Telemetry
import Testing

@testable import Survey

@Suite("Proxy variables, as each runtime reads them")
struct ProxyEnvironmentTests {
    private static let weir = "http://127.0.0.1:3128"
    private static let far = Endpoint(address: .v4(0x0a00_0009), port: 443)
    private static let loopback = Endpoint(address: .v4(0x7f00_0005), port: 8080)

    private func reading(
        _ runtime: Runtime,
        _ scheme: ProxiedScheme,
        _ variables: [String: String],
        to destination: Endpoint = far,
        arguments: [String] = []
    ) -> ProxyReading {
        ProxyEnvironment(variables, arguments: arguments).reading(by: runtime, scheme, to: destination)
    }

    @Test("without variables none is read", arguments: Runtime.allCases)
    func unset(runtime: Runtime) {
        for scheme in ProxiedScheme.allCases {
            #expect(reading(runtime, scheme, [:]) == .unset)
            #expect(reading(runtime, scheme, ["no_proxy": "*"]) == .unset)
            #expect(reading(runtime, scheme, ["http_proxy": "", "HTTPS_PROXY": ""]) == .unset)
        }
    }

    @Test("which spelling is read, and which wins")
    func spellings() {
        let rows: [(Runtime, ProxiedScheme, [String], String?)] = [
            (.go, .http, ["http_proxy", "HTTP_PROXY"], "HTTP_PROXY"),
            (.go, .http, ["http_proxy"], "http_proxy"),
            (.go, .https, ["HTTPS_PROXY"], "HTTPS_PROXY"),
            (.go, .https, ["HTTP_PROXY"], nil),
            (.go, .https, ["ALL_PROXY"], nil),
            (.python, .http, ["http_proxy", "HTTP_PROXY"], "http_proxy"),
            (.python, .https, ["ALL_PROXY"], "ALL_PROXY"),
            (.curl, .http, ["HTTP_PROXY"], nil),
            (.curl, .http, ["http_proxy"], "http_proxy"),
            (.curl, .https, ["HTTPS_PROXY"], "HTTPS_PROXY"),
            (.curl, .http, ["all_proxy"], "all_proxy"),
            (.php, .http, ["HTTP_PROXY"], nil),
            (.ruby, .http, ["HTTP_PROXY"], "HTTP_PROXY"),
            (.ruby, .https, ["all_proxy"], nil),
            (.dotnet, .https, ["https_proxy", "HTTPS_PROXY"], "https_proxy"),
            (.dotnet, .http, ["ALL_PROXY"], "ALL_PROXY"),
            (.other, .http, ["HTTP_PROXY"], "HTTP_PROXY"),
        ]
        for (runtime, scheme, names, winner) in rows {
            let variables = Dictionary(uniqueKeysWithValues: names.map { ($0, "http://\($0).example:1") })
            let read = reading(runtime, scheme, variables)
            if let winner {
                #expect(read == .proxy(variable: winner, value: "http://\(winner).example:1"), "\(runtime)")
            } else if case .proxy = read {
                Issue.record("\(runtime) reads \(names) for \(scheme): \(read)")
            }
        }
        #expect(
            reading(.curl, .http, ["HTTP_PROXY": Self.weir])
                == .misspelt(variable: "HTTP_PROXY", read: "http_proxy")
        )
        #expect(
            reading(.go, .http, ["ALL_PROXY": Self.weir])
                == .misspelt(variable: "ALL_PROXY", read: "HTTP_PROXY")
        )
        // One scheme's variable says nothing about the other's.
        #expect(reading(.go, .https, ["HTTP_PROXY": Self.weir]) == .unset)
    }

    @Test("Node and Java read none, unless they are told to in their own way")
    func ignoring() {
        let set = ["HTTP_PROXY": Self.weir, "https_proxy": Self.weir]
        for runtime in [Runtime.node, .java] {
            #expect(reading(runtime, .http, set) == .ignored(variable: "HTTP_PROXY"))
            #expect(reading(runtime, .https, set) == .ignored(variable: "https_proxy"))
        }
        let read = ProxyReading.proxy(variable: "HTTP_PROXY", value: Self.weir)
        #expect(reading(.node, .http, set.merging(["NODE_USE_ENV_PROXY": "1"]) { $1 }) == read)
        #expect(reading(.node, .http, set, arguments: ["node", "--use-env-proxy", "app.js"]) == read)
        #expect(reading(.node, .http, set.merging(["NODE_USE_ENV_PROXY": "0"]) { $1 }) != read)
        let option = "-Dhttps.proxyHost=localhost"
        #expect(
            reading(.java, .https, [:], arguments: ["java", option, "-Dhttps.proxyPort=3128", "App"])
                == .proxy(variable: "-Dhttps.proxyHost", value: "localhost:3128")
        )
        #expect(
            reading(.java, .https, ["JAVA_TOOL_OPTIONS": "-Xss1m \(option)"])
                == .proxy(variable: "-Dhttps.proxyHost", value: "localhost:443")
        )
        #expect(reading(.java, .http, [:], arguments: [option]) == .unset)
    }

    @Test("HTTP_PROXY is not read in a CGI program, where a client could set it")
    func cgi() {
        let variables = ["HTTP_PROXY": Self.weir, "REQUEST_METHOD": "GET"]
        for runtime in [Runtime.go, .python, .ruby] {
            if case .proxy = reading(runtime, .http, variables) { Issue.record("\(runtime)") }
        }
    }

    @Test("Go and Ruby never send loopback addresses to a proxy; others do")
    func loopback() {
        for runtime in Runtime.allCases where runtime != .node && runtime != .java {
            let read = reading(runtime, .http, ["http_proxy": Self.weir], to: Self.loopback)
            if case .exempt = read {
                #expect(runtime == .go || runtime == .ruby, "\(runtime)")
            } else {
                #expect(read == .proxy(variable: "http_proxy", value: Self.weir), "\(runtime)")
            }
        }
    }

    @Test("NO_PROXY exempts by address, network and asterisk; names cannot be judged from an address")
    func exemptions() {
        let rows: [(String, Endpoint, Bool)] = [
            ("*", Self.far, true), ("10.0.0.9", Self.far, true), ("10.0.0.8", Self.far, false),
            ("10.0.0.0/8", Self.far, true), ("10.0.0.0/29", Self.far, false), ("0.0.0.0/0", Self.far, true),
            ("10.0.0.9:443", Self.far, true), ("10.0.0.9:80", Self.far, false),
            ("example.com, 10.0.0.9", Self.far, true), ("example.com", Self.far, false),
            ("localhost", Self.loopback, true), ("localhost", Self.far, false),
            ("10.0.0.0/99", Self.far, false),
            (
                "2001:db8::/32",
                Endpoint(address: .v6(high: 0x2001_0db8_0001_0000, low: 1, scope: 0), port: 1), true
            ),
            (
                "2001:db8::/48",
                Endpoint(address: .v6(high: 0x2001_0db8_0001_0000, low: 1, scope: 0), port: 1), false
            ),
            ("2001:db8::/32", Self.far, false),
        ]
        for (list, destination, isExempt) in rows {
            let read = reading(
                .python,
                .https,
                ["https_proxy": Self.weir, "no_proxy": list],
                to: destination
            )
            let expected = ProxyReading.proxy(variable: "https_proxy", value: Self.weir)
            #expect((read != expected) == isExempt, "\(list): \(read)")
        }
        let both = ["https_proxy": Self.weir, "no_proxy": "*", "NO_PROXY": "example.com"]
        #expect(reading(.python, .https, both) == .exempt(by: "no_proxy=*"))
        #expect(reading(.go, .https, both) == .proxy(variable: "https_proxy", value: Self.weir))
    }

    @Test("what a variable's value means")
    func values() {
        let place = ProxyPlace(
            endpoints: [
                Endpoint(address: .v4(0x7f00_0001), port: 3128),
                Endpoint(address: .v6(high: 0, low: 1, scope: 0), port: 3128),
            ],
            isListening: true
        )
        for value in [
            "http://127.0.0.1:3128", "127.0.0.1:3128", "http://user:p%40ss@localhost:3128/",
            "http://[::1]:3128",
            "HTTP://LocalHost:3128?x", "[::1]:3128",
        ] { #expect(place.isMeant(by: value), "\(value)") }
        for value in [
            "http://127.0.0.1:3129", "127.0.0.1", "http://proxy.example:3128", "", "http://",
            "127.0.0.2:3128",
            "[::1]", "[::1]x", "127.0.0.1:31280", "127.0.0.1:99999",
        ] { #expect(!place.isMeant(by: value), "\(value)") }
        #expect(ProxyPlace.parts(of: "https://p.example")?.port == 443)
        #expect(ProxyPlace.parts(of: "p.example")?.port == 80)
    }

    @Test("what an app is made with is told by its program, or what is mapped into it")
    func runtimes() {
        let rows: [(String?, Bool, Set<String>, Runtime)] = [
            ("/opt/payments/app", true, [], .go), ("/usr/bin/python3.11", false, [], .python),
            ("/usr/bin/node (deleted)", false, [], .node), ("/usr/lib/jvm/x/bin/java", false, [], .java),
            ("curl", false, [], .curl), ("/usr/sbin/php-fpm8.2", false, [], .php),
            ("/opt/server", false, ["libjvm.so"], .java), ("/opt/server", false, ["libcurl"], .curl),
            ("/opt/server", false, [], .other), (nil, false, [], .other),
            ("/usr/bin/dotnet", false, [], .dotnet),
            ("/opt/app", false, ["libcurl", "libpython"], .python),
        ]
        for (program, isGo, libraries, runtime) in rows {
            let found = Runtime.recognise(program: program, isGo: isGo, libraries: libraries)
            #expect(found == runtime, "\(program ?? "-")")
        }
        for runtime in Runtime.allCases {
            #expect(!runtime.name.isEmpty)
            #expect(runtime == .other || runtime.remedy != .other)
        }
    }
}
