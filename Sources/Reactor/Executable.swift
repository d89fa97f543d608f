internal import Glibc

/// Programs on disk: where this one lies, and handing the process over to another.
public enum Executable {
    /// The path of this program, or nil. Run by it, unlike by /proc/self/exe, a process bears the program's name.
    public static var own: String? { SmallFile.link("/proc/self/exe") }

    /// Where this program, or its newer version, is started from: as it was called where that is a path, else
    /// where it lies, also when another file lies there by now. Nil where it cannot be run.
    public static func again(calledAs name: String) -> String? {
        let deleted = " (deleted)"
        let place = own.map { $0.hasSuffix(deleted) ? String($0.dropLast(deleted.count)) : $0 }
        // A link in the path leads to the newer version.
        let path = name.contains("/") ? name : place
        return path.flatMap { access($0, X_OK) == 0 ? $0 : nil }
    }

    /// The path of an executable in this program's own directory, or nil.
    public static func beside(_ name: String) -> String? {
        guard let own else { return nil }
        guard let slash = own.lastIndex(of: "/") else { return nil }
        let path = own[...slash] + name
        return access(String(path), X_OK) == 0 ? String(path) : nil
    }

    /// Replaces this process by another program; returns only if that failed.
    public static func replaceProcess(_ path: String, arguments: [String]) -> SystemError {
        var pointers = ([path] + arguments).map { strdup($0) }
        pointers.append(nil)
        execv(path, pointers)
        let code = errno
        for pointer in pointers { free(pointer) }
        return SystemError("run \(path)", code: code)
    }
}
