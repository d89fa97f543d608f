/// How the process came to be, and what became of the last reload and the last upgrade.
public struct LifecycleFigures: Sendable, Equatable {
    /// How many processes handed over to each other until this one, itself included.
    public var generation = 1
    /// Why the last reload was refused; nil where it was not, or there was none.
    public var reloadError: String?
    /// Settings that the last reload changed.
    public var settingsChanged = 0
    /// Settings whose new values need a restart or an upgrade.
    public var needsRestart: [String] = []
    /// Whether a process is being started that shall take over from this one.
    public var isUpgrading = false
    /// Upgrades that failed, and why the last one did.
    public var upgradesFailed = 0
    public var upgradeError: String?

    /// A process that was started afresh.
    public init() {}
}
