public import Basics

/// How long to wait until the next look: soon while connections grow in number, seldom while nothing happens,
/// and never so often that looking itself takes more than its share of a core.
public struct LookPace: Sendable {
    /// Ports of a pair may last for no longer than some seconds, so growth is met with this pace.
    public static let shortest = Interval.milliseconds(250)
    /// One part in so many of a core.
    private static let share: Int64 = 100
    /// The same where ports run short.
    private static let shareUnderPressure: Int64 = 20

    private let longest: Interval
    private var pause = LookPace.shortest
    private var held: Int?

    /// - Parameter longest: the pause where nothing happens.
    public init(longest: Interval) { self.longest = max(longest, .milliseconds(10)) }

    /// How long to wait after a look.
    ///
    /// - Parameters:
    ///   - held: connections that are watched.
    ///   - isLeaking: whether any owner is called leaking.
    ///   - isPressed: whether half of any watched pair's ports are in use.
    ///   - cost: CPU time that the look took.
    public mutating func next(held: Int, isLeaking: Bool, isPressed: Bool, cost: Interval) -> Interval {
        // Eight more: what the budget of idle connections allows anyway is no growth to hurry for.
        let isGrowing = self.held.map { held >= $0 + 8 } ?? true
        self.held = held
        if isGrowing || isLeaking || isPressed {
            pause = min(LookPace.shortest, longest)
        } else {
            pause = min(pause.scaled(by: 3, over: 2), longest)
        }
        let share = isPressed ? LookPace.shareUnderPressure : LookPace.share
        return max(pause, cost.scaled(by: share, over: 1))
    }
}
