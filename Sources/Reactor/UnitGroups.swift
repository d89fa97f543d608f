internal import Glibc

// Where systemd keeps a unit's processes, and what the kernel calls that group.

extension ControlGroups {
    /// The number that the kernel knows a group by, from its making to its end; nil where there is no such
    /// group, or it lies outside of what is mounted.
    public func id(of path: String) -> UInt64? {
        guard let directory = directory(of: path) else { return nil }
        var status = stat()
        guard stat(directory, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return nil }
        return UInt64(status.st_ino)
    }

    /// The directory of a group, whether it exists or not; nil where it lies outside of what is mounted.
    public func directory(of path: String) -> String? {
        if root == "/" { return mountPoint + path }
        guard path == root || path.hasPrefix(root + "/") else { return nil }
        return mountPoint + path.dropFirst(root.count)
    }

    /// The group that a unit of the system's manager has now; nil where the unit does not run.
    ///
    /// First where systemd puts units that say nothing else, then anywhere: at most `maxDirectories` groups
    /// are read for that.
    public func path(ofUnit unit: String, maxDirectories: Int = 20_000) -> String? {
        for candidate in ControlGroups.usualPaths(ofUnit: unit) where id(of: candidate) != nil {
            return candidate
        }
        let names = Set(ControlGroups.names(ofUnit: unit))
        var level = [""]
        var left = maxDirectories
        while !level.isEmpty {
            var next: [String] = []
            for parent in level {
                if left == 0 { return nil }
                left -= 1
                guard let directory = opendir(mountPoint + parent) else { continue }
                defer { closedir(directory) }
                while let entry = readdir(directory) {
                    if entry.pointee.d_type != UInt8(DT_DIR) { continue }
                    let name = DirectoryEntry.name(entry)
                    // What runs below a user's manager are that user's units, whatever they are called.
                    if name == "." || name == ".." || name.hasPrefix("user@") { continue }
                    let path = parent + "/" + name
                    if names.contains(name) { return (root == "/" ? "" : root) + path }
                    if next.count < left { next.append(path) }
                }
            }
            level = next
        }
        return nil
    }

    /// Where a unit's group will be unless the unit says something else (`Slice=`), the likeliest first.
    public static func usualPaths(ofUnit unit: String) -> [String] {
        if unit.hasSuffix(".slice") { return [slicePath(unit)] }
        var parent = "/system.slice"
        // Instances of a template share a slice (systemd.slice(5)), in whose name a dash is a level.
        if let at = unit.firstIndex(of: "@"), at != unit.startIndex {
            let template = unit[..<at].split(separator: "-", omittingEmptySubsequences: false)
                .joined(separator: "\\x2d")
            parent += "/system-\(template).slice"
        }
        return names(ofUnit: unit).map { "\(parent)/\($0)" }
    }

    /// `a-b.slice` is below `a.slice`.
    private static func slicePath(_ unit: String) -> String {
        if unit == "-.slice" { return "/" }
        var path = ""
        var name = ""
        for part in unit.dropLast(6).split(separator: "-") {
            name += (name.isEmpty ? "" : "-") + part
            path += "/\(name).slice"
        }
        return path
    }

    /// systemd puts an underscore before names that the kernel's own files could have.
    private static func names(ofUnit unit: String) -> [String] { [unit, "_" + unit] }
}
