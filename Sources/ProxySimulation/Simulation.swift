public import Basics
public import ProxyCore

/// What one run showed.
public struct SimulationReport: Sendable {
    /// The run's seed.
    public var seed: UInt64
    /// What must never happen and did; empty in a good run.
    public var violations: [Violation]
    /// Events that the engine handled.
    public var events: Int
    /// Virtual time that passed.
    public var duration: Interval
    /// The engine's counters at the end.
    public var statistics: EngineStatistics
    /// Exchanges whose clients saw the origin's whole answer.
    public var served: Int
    /// Whether the planted bug found an occasion.
    public var wasPlanted: Bool
    /// Everything that happened, if asked for.
    public var trace: [String]
}

/// The whole proxy in virtual time, with seeds and faults and without a socket.
public enum Simulation {
    /// Runs one world to its end.
    ///
    /// - Parameters:
    ///   - seed: Decides settings, clients, origins, faults and the order of everything.
    ///   - bug: A mistake that the shell is to make, to see that an oracle sees it.
    ///   - isTraced: Whether to write down every event and action.
    ///   - stride: The engine's invariants are walked after every so many events; at least 1.
    public static func run(
        seed: UInt64,
        bug: PlantedBug? = nil,
        isTraced: Bool = false,
        stride: Int = 1
    ) -> SimulationReport {
        let world = World(seed: seed, bug: bug, isTraced: isTraced, stride: stride)
        let start = world.now
        world.run()
        return SimulationReport(
            seed: seed,
            violations: world.violations,
            events: world.engineCalls,
            duration: world.now.since(start),
            statistics: world.engine.statistics,
            served: world.ledger.served,
            wasPlanted: world.hasPlantedBug,
            trace: world.traceLines
        )
    }
}
