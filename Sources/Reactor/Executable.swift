internal import Glibc

/// Programs on disk: where this one lies, and handing the process over to another.
public enum Executable {
    /// The path of this program, or nil. Run by it, unlike by /proc/self/exe, a process bears the program's name.
    public static var own: String? { SmallFile.link("/proc/self/exe") }

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
