import Glibc
import ProxyServer
import Reactor
import Settings

// Top-level variables would be global state; everything lives in this function.
func runWeir() -> Int32 {
    let inheritance: Inheritance
    // Before settings are read, threads started and descriptors opened.
    do throws(InheritanceError) {
        inheritance = try Inheritance.take()
        try inheritance.predecessor?.detach()
    } catch {
        return complain("\(error)", status: 1)
    }
    let options: CommandLineOptions
    switch CommandLineOptions.parse(Array(CommandLine.arguments.dropFirst())) {
    case .success(let parsed): options = parsed
    case .failure(let error): return complain("\(error)", status: 2)
    }
    switch options.command {
    case .help(let text):
        print(text)
        return 0
    case .version:
        print(BuildInformation.text)
        return 0
    case .external(let name, let arguments):
        return handOver(name, arguments)
    case .check(let prints):
        return check(options, prints: prints)
    case .run:
        return serve(options, inheritance)
    }
}

/// One line on standard error.
func complain(_ text: String, status: Int32) -> Int32 {
    StandardError.write("weir: \(text)\n")
    return status
}

private func loader(_ options: CommandLineOptions) -> ProxyServer.Loader {
    let environment = EnvironmentVariable.ofProcess()
    return { () throws(SettingsError) -> LoadedSettings in
        try LoadedSettings.load(
            path: options.configPath,
            environment: environment,
            overrides: options.overrides,
            facts: HostFacts.measured()
        )
    }
}

private func check(_ options: CommandLineOptions, prints: Bool) -> Int32 {
    do throws(SettingsError) {
        let loaded = try loader(options)()
        print(prints ? loaded.describeAll() : "settings are valid")
        return 0
    } catch {
        StandardError.write("\(error)\n")
        return 1
    }
}

private func serve(_ options: CommandLineOptions, _ inheritance: Inheritance) -> Int32 {
    Allocator.setUp()
    let load = loader(options)
    let start = ProxyServer.Start(
        version: BuildInformation.version,
        arguments: CommandLine.arguments,
        inheritance: inheritance
    )
    do {
        let server = try ProxyServer(load(), start, reload: load)
        server.run()
        return 0
    } catch {
        inheritance.predecessor?.failed("\(error)")
        if error is SettingsError {
            StandardError.write("\(error)\n")
            return 1
        }
        return complain("\(error)", status: 1)
    }
}

/// Commands of the operator's tool are served by weirctl, which lies beside this program: the daemon
/// stays small, and people need to know one name only.
private func handOver(_ name: String, _ arguments: [String]) -> Int32 {
    guard let path = Executable.beside("weirctl") else {
        return complain("'\(name)' is a command of weirctl, which is not installed beside weir", status: 2)
    }
    return complain("\(Executable.replaceProcess(path, arguments: [name] + arguments))", status: 2)
}

StandardStreams.ensureOpen()
exit(runWeir())
