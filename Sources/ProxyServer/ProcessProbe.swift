import Basics
import Glibc
import Reactor
import Telemetry

/// What the kernel says about this process; cheap enough for the loop's thread.
enum ProcessProbe {
    /// Beyond so many entries an old kernel is not asked to list them.
    private static let maxListed = 16_384

    /// Fills in process id, descriptors, memory and processor time.
    static func measure(_ figures: inout ProcessFigures) {
        figures.processID = Int(getpid())
        figures.openDescriptors = openDescriptors()
        let limit = ResourceLimits.descriptors().soft
        figures.descriptorLimit = limit == .max ? nil : limit
        (figures.virtualBytes, figures.residentBytes) = memory()
        figures.processorTime = processorTime()
    }

    /// Linux 6.2 and later tell the number as the size of the directory; before, the entries are counted.
    private static func openDescriptors() -> Int? {
        var status = stat()
        if stat("/proc/self/fd", &status) == 0 && status.st_size > 0 { return Int(status.st_size) }
        guard let directory = opendir("/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        // The entries "." and ".." and the descriptor of the directory itself.
        var count = -3
        while readdir(directory) != nil {
            count += 1
            if count > maxListed { return nil }
        }
        return max(0, count)
    }

    /// The first two numbers of statm, in pages (proc(5)): address space and resident memory.
    private static func memory() -> (virtual: Int?, resident: Int?) {
        let file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        if file < 0 { return (nil, nil) }
        defer { Sockets.close(file) }
        var room = [UInt8](repeating: 0, count: 128)
        let length = read(file, &room, room.count)
        if length <= 0 { return (nil, nil) }
        let page = sysconf(Int32(_SC_PAGESIZE))
        let bytes = room[..<length].split(separator: ASCII.space).prefix(2).map { word in
            Int(String(decoding: word, as: UTF8.self)).map { $0 * page }
        }
        return bytes.count == 2 ? (bytes[0], bytes[1]) : (nil, nil)
    }

    private static func processorTime() -> Interval {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Interval(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }
}
