import Glibc
import Testing

@testable import Reactor

extension ReactorSuite {
    @Suite("facts of processes")
    struct ProcessFactsTests {
        @Test("variables are those asked for, the first of a name")
        func environment() {
            let text = "A=1\0B=x=y\0A=2\0NOTHING\0C=\0=odd\0"
            #expect(
                ProcessFacts.environment(text, names: ["A", "B", "C", "D"]) == [
                    "A": "1", "B": "x=y", "C": "",
                ]
            )
            #expect(ProcessFacts.environment("", names: ["A"]) == [:])
            // What this very process was started with.
            let path = ProcessFacts.environment(of: getpid(), names: ["PATH"])
            #expect(path?["PATH"]?.isEmpty == false)
            #expect(ProcessFacts.environment(of: .max, names: ["PATH"]) == nil)
        }

        @Test("a command line comes apart at its ends of words")
        func arguments() {
            #expect(ProcessFacts.arguments(of: getpid())?.isEmpty == false)
            #expect(ProcessFacts.arguments(of: .max) == nil)
        }

        @Test("libraries are told by the names of mapped files, not by folders")
        func libraries() {
            let maps = """
                7f00-7f01 r-xp 00000000 fe:00 1 /usr/lib/x86_64-linux-gnu/libcurl.so.4.8.0
                7f02-7f03 r-xp 00000000 fe:00 2 /opt/libjvm.so/other.so
                7f04-7f05 rw-p 00000000 00:00 0
                7f06-7f07 r--p 00000000 fe:00 3 /usr/lib/libpython3.11.so.1.0 (deleted)
                """
            let found = ProcessFacts.libraries(maps, among: ["libcurl", "libjvm.so", "libpython", "libnode"])
            #expect(found == ["libcurl", "libpython"])
            #expect(ProcessFacts.libraries(of: getpid(), among: ["libc.so"]) == ["libc.so"])
        }

        @Test("a program's sections are read, and nothing is made of what is no program")
        func sections() throws {
            #expect(ProcessFacts.isGo(getpid()) == false)
            let own = open("/proc/self/exe", O_RDONLY | O_CLOEXEC)
            defer { Sockets.close(own) }
            let names = ProgramSections.names(of: own)
            #expect(names.contains(".text"))
            #expect(names.contains(".dynamic"))
            // Cut or broken files.
            var bytes = [UInt8](repeating: 0, count: 65_536)
            #expect(pread(own, &bytes, bytes.count, 0) == bytes.count)
            for (offset, value) in [(0x28, UInt8(0xff)), (0x3a, 1), (0x3d, 0xff), (0x3f, 0xff), (4, 1)] {
                var broken = bytes
                broken[offset] = value
                for index in 0x29...0x2f where offset == 0x28 { broken[index] = 0xff }
                #expect(ProgramSections.names(of: try file(broken)).isEmpty, "\(offset)")
            }
            for count in [0, 3, 63, 64, 1000] {
                #expect(ProgramSections.names(of: try file(Array(bytes[..<count]))).isEmpty)
            }
        }

        /// A file that nobody else sees; it goes with the process.
        private func file(_ bytes: [UInt8]) throws -> Int32 {
            var path = Array("/tmp/weir-sections-XXXXXX".utf8CString)
            let file = mkstemp(&path)
            try #require(file >= 0)
            unlink(path)
            try #require(write(file, bytes, bytes.count) == bytes.count)
            files.append(file)
            return file
        }

        private let files = OpenFiles()

        @Test("other network namespaces are found with a process, and never this one")
        func networks() {
            let found = ProcessFacts.otherNetworks()
            #expect(!found.values.contains(getpid()))
            #expect(ProcessFacts.otherNetworks(limit: 0).isEmpty)
        }
    }

    private final class OpenFiles {
        private var descriptors: [Int32] = []
        func append(_ descriptor: Int32) { descriptors.append(descriptor) }
        deinit { for descriptor in descriptors { Sockets.close(descriptor) } }
    }
}
