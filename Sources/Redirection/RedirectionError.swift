/// What cannot be redirected as it was asked for: one line that says what is wrong and what would be right.
public struct RedirectionError: Error, Hashable, Sendable, CustomStringConvertible {
    /// For people.
    public let description: String

    /// Wraps a line.
    public init(_ description: String) { self.description = description }
}
