// swift-tools-version: 6.2
import PackageDescription

#if canImport(Glibc)
import Glibc
#endif

/// What every target is compiled with.
let common: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableExperimentalFeature("Lifetimes"),
    // Small functions of one module are inlined into another. And the law of exclusivity, as far as only the running
    // program can check it, is checked in debug builds, by all tests: in the loop's objects it costs a seventh of all
    // instructions of an exchange (Benchmarks/check).
    .unsafeFlags(
        ["-cross-module-optimization", "-enforce-exclusivity=unchecked"],
        .when(configuration: .release)
    ),
]

/// scripts/fuzz builds with this set.
let isFuzzing = Context.environment["WEIR_FUZZ"] != nil

/// What `--version` says, told by the Makefile: the manifest's own look at git is cached, and would name an older commit.
func stamp(_ name: String) -> CSetting {
    .define(name, to: "\"\(Context.environment[name] ?? "")\"")
}

/// What the fuzzer drives counts its branches for it; the code that checks does not, or its branches
/// would be explored instead.
let counted: [SwiftSetting] = isFuzzing ? [.unsafeFlags(["-sanitize=fuzzer,address"])] : []

/// Pure targets: the standard library and pure targets below, no unsafe code at all.
let pure = common + [.strictMemorySafety()] + counted

func pureTarget(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: pure)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: common)
}

/// How the programs are linked: so that little of them gets resident. Together 11.5 MiB become 7.2 of an idle weir, and
/// 11.8 MB on disk 10.6.
///
/// - scripts/function-order.txt puts side by side what runs, which only lld can (2.4 MiB less).
/// - No symbols for others, which the static Swift library asks for (0.6 MiB).
/// - Of the C++ library, which Swift's runtime needs, only what is used (1.0 MiB); scripts/link-static-libraries.
/// - Packed relocations (0.9 MiB), which glibc 2.36 is the first to read.
let small: [LinkerSetting] = {
    let root = Context.packageDirectory
    var flags = [
        "-use-ld=lld", "-L\(root)/.build/static-libraries", "-Xclang-linker", "-static-libgcc",
        "-Xlinker", "--symbol-ordering-file=\(root)/scripts/function-order.txt",
        "-Xlinker", "--no-warn-symbol-ordering", "-Xlinker", "--no-export-dynamic",
    ]
    #if canImport(Glibc)
    // Which has this function, too, since that version.
    if dlsym(nil, "arc4random") != nil { flags += ["-Xlinker", "-z", "-Xlinker", "pack-relative-relocs"] }
    #endif
    return [.unsafeFlags(flags, .when(platforms: [.linux], configuration: .release))]
}()

let package = Package(
    name: "weir",
    products: [
        .executable(name: "weir", targets: ["weir"]),
        .executable(name: "weirctl", targets: ["weirctl"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    ],
    targets: [
        pureTarget("Basics", []),
        pureTarget("HTTPWire", ["Basics"]),
        pureTarget("UpstreamPool", ["Basics"]),
        pureTarget("ClientPolicy", ["Basics"]),
        pureTarget("Dialling", ["Basics"]),
        pureTarget("Redirection", ["Dialling"]),
        pureTarget("Access", ["Basics", "Dialling"]),
        pureTarget(
            "ProxyCore",
            ["Basics", "HTTPWire", "UpstreamPool", "ClientPolicy", "Dialling", "Access"]
        ),
        pureTarget(
            "Telemetry",
            ["Basics", "HTTPWire", "UpstreamPool", "ClientPolicy", "Access", "ProxyCore"]
        ),
        pureTarget("Survey", ["Basics", "Dialling", "ClientPolicy", "Telemetry"]),
        .systemLibrary(name: "CLibevent", pkgConfig: "libevent_core", providers: [.apt(["libevent-dev"])]),
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "CCrypt", providers: [.apt(["libcrypt-dev"])]),
        .target(name: "CBuildStamp", cSettings: [stamp("BUILD_COMMIT"), stamp("BUILD_SWIFT")]),
        .systemLibrary(name: "CAres", pkgConfig: "libcares", providers: [.apt(["libc-ares-dev"])]),
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .target(
            name: "Settings",
            dependencies: ["Basics", "Dialling", "Access", "CYAML"],
            swiftSettings: common + counted
        ),
        .target(
            name: "Reactor",
            dependencies: ["Basics", "Dialling", "CLibevent", "CAres", "CLinux", "CCrypt", "CBuildStamp"],
            swiftSettings: common
        ),
        .target(
            name: "ProxyServer",
            dependencies: [
                "Basics", "HTTPWire", "UpstreamPool", "ClientPolicy", "Dialling", "Access", "ProxyCore",
                "Telemetry", "Settings", "Reactor",
                .product(name: "Logging", package: "swift-log"),
            ],
            resources: [
                .embedInCode("Page/page.html"), .embedInCode("Page/page.css"), .embedInCode("Page/page.js"),
            ],
            swiftSettings: common
        ),
        .executableTarget(
            name: "weir",
            dependencies: ["ProxyServer", "Reactor", "Settings"],
            swiftSettings: common,
            linkerSettings: small
        ),
        .executableTarget(
            name: "weirctl",
            dependencies: [
                "Basics", "Dialling", "ClientPolicy", "Telemetry", "Survey", "Redirection", "Reactor",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: common,
            linkerSettings: small
        ),
        .target(
            name: "ProxySimulation",
            dependencies: ["Basics", "HTTPWire", "UpstreamPool", "ClientPolicy", "Access", "ProxyCore"],
            swiftSettings: common
        ),
        .executableTarget(
            name: "simulate",
            dependencies: ["ProxySimulation", "ProxyCore"],
            swiftSettings: common
        ),
        .executableTarget(
            name: "crowd",
            dependencies: ["Basics", "UpstreamPool", "ClientPolicy", "ProxyCore"],
            swiftSettings: common
        ),
        .target(
            name: "FuzzTargets",
            dependencies: ["Basics", "HTTPWire", "UpstreamPool", "ClientPolicy", "ProxyCore", "Settings"],
            swiftSettings: common
        ),
        tests("BasicsTests", ["Basics"]),
        tests("HTTPWireTests", ["HTTPWire", "Basics"]),
        tests("UpstreamPoolTests", ["UpstreamPool", "Basics"]),
        tests("ClientPolicyTests", ["ClientPolicy", "Basics"]),
        tests("DiallingTests", ["Dialling", "Basics"]),
        tests("AccessTests", ["Access", "Dialling"]),
        tests(
            "ProxyCoreTests",
            ["ProxyCore", "UpstreamPool", "ClientPolicy", "HTTPWire", "Dialling", "Access", "Basics"]
        ),
        tests("TelemetryTests", ["Telemetry", "ProxyCore", "UpstreamPool", "ClientPolicy", "Basics"]),
        tests("SettingsTests", ["Settings", "Basics"]),
        tests("ReactorTests", ["Reactor", "Dialling", "Basics", "CLinux"]),
        tests(
            "ProxyServerTests",
            [
                "ProxyServer", "Reactor", "Dialling", "Settings", "Telemetry", "Basics",
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        tests("CommandLineTests", ["weir", "Settings"]),
        tests("SurveyTests", ["Survey", "ClientPolicy", "Dialling", "Telemetry", "Basics"]),
        tests("RedirectionTests", ["Redirection", "Dialling"]),
        tests(
            "weirctlTests",
            [
                "weirctl", "Survey", "Redirection", "ClientPolicy", "Telemetry", "Basics", "Dialling",
                "Reactor",
            ]
        ),
        tests("SimulationTests", ["ProxySimulation", "ProxyCore", "UpstreamPool", "ClientPolicy", "Basics"]),
        tests("FuzzTests", ["FuzzTargets"]),
        tests("StyleTests", []),
    ]
)

// The fuzzer brings its own main, so its program is no part of ordinary builds.
if isFuzzing {
    package.targets.append(
        .executableTarget(
            name: "weir-fuzz",
            dependencies: ["FuzzTargets"],
            swiftSettings: common + [.unsafeFlags(["-parse-as-library"])]
        )
    )
}
