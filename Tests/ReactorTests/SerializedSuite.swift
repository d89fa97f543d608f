import Glibc
import Testing

/// Tests that open descriptors: one at a time, each giving back what it opened. Other files extend it with
/// suites of their own.
@Suite("Reactor", .serialized, .descriptorsGivenBack)
enum ReactorSuite {}

/// Fails a test that leaves a descriptor open.
struct DescriptorsGivenBack: TestTrait, SuiteTrait, TestScoping {
    var isRecursive: Bool { true }

    /// A descriptor and what it stands for.
    private struct Entry: Hashable {
        var descriptor: Int32
        var target: String
    }

    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @Sendable () async throws -> Void
    ) async throws {
        guard testCase != nil else { return try await function() }
        let before = Self.openDescriptors()
        try await function()
        // Suites of other targets run in this process at the same time and open descriptors of their own;
        // those go away by themselves.
        var left = Self.openDescriptors().subtracting(before)
        let deadline = ContinuousClock.now + .seconds(10)
        while !left.isEmpty && ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(5))
            left.formIntersection(Self.openDescriptors())
        }
        #expect(left.isEmpty, "descriptors left open")
    }

    private static func openDescriptors() -> Set<Entry> {
        guard let directory = opendir("/proc/self/fd") else { return [] }
        defer { closedir(directory) }
        var entries: Set<Entry> = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let descriptor = Int32(name), descriptor != dirfd(directory) else { continue }
            var room = [CChar](repeating: 0, count: 256)
            let length = readlink("/proc/self/fd/\(name)", &room, room.count)
            if length < 0 { continue }
            let target = String(decoding: room[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
            entries.insert(Entry(descriptor: descriptor, target: target))
        }
        return entries
    }
}

extension Trait where Self == DescriptorsGivenBack {
    static var descriptorsGivenBack: Self { Self() }
}
