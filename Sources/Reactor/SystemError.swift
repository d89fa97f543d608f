internal import CLibevent
internal import Glibc

/// A system call that failed, with what was being done.
public struct SystemError: Error, Hashable, Sendable {
    /// The value of `errno`.
    public var code: Int32
    /// What was being done, as a person would say it: "listen on 127.0.0.1:80".
    public var operation: String

    /// Puts an operation and its `errno` together.
    public init(_ operation: String, code: Int32) {
        self.operation = operation
        self.code = code
    }

    /// The symbolic name, for instance `EMFILE`.
    public var name: String { Self.name(of: code) }

    /// The symbolic name of an `errno`, or its number where the C library knows none.
    public static func name(of code: Int32) -> String {
        guard let name = strerrorname_np(code) else { return "errno \(code)" }
        return String(cString: name)
    }

    /// The C library's sentence for an `errno`, in English whatever the locale.
    public static func text(of code: Int32) -> String {
        guard let text = strerrordesc_np(code) else { return "errno \(code)" }
        return String(cString: text)
    }
}

extension SystemError: CustomStringConvertible {
    /// `listen on 127.0.0.1:80: Permission denied (EACCES)`
    public var description: String { "\(operation): \(Self.text(of: code)) (\(name))" }
}
