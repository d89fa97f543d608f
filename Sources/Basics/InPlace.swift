/// A member that keeps the value it is part of in its place: the compiler hands such a value on by its address.
///
/// Without it a large structure is "loadable", and the optimiser copies all of it, kilobytes, to the stack wherever
/// a method that only reads is called on one inside another (measured: 30 KB for each exchange). What cannot be moved
/// bit by bit, as a weak reference, is never loaded.
public struct InPlace {
    private weak var never: AnyObject?

    /// Takes 8 bytes and does nothing.
    public init() {}
}
