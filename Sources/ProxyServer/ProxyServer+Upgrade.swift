import Basics
import Glibc
import Logging
import Reactor
import Telemetry

// Another process of the program, usually of a newer version, takes over the listening sockets. Until it is ready
// this one serves as if nothing happened; from then on it accepts nothing, and ends when its work has.
extension ProxyServer {
    /// How long the other process has to read its settings and to listen.
    private static let patience = Interval.seconds(30)

    /// Starts the process that is to take over.
    func upgrade() {
        if phase != .serving { return }
        if successor != nil { return log.warning("an upgrade is under way already") }
        // Whoever is process 1 takes its container along when it ends.
        if getpid() == 1 {
            return upgradeFailed(
                "this is process 1 of its container, which ends with it: replace the container"
            )
        }
        guard let name = start.arguments.first, let program = Executable.again(calledAs: name) else {
            return upgradeFailed("the program is not where it was started from")
        }
        let handed = sockets.flatMap { role, sockets in
            sockets.map { InheritedSocket(socket: $0.socket, name: role.rawValue) }
        }
        do throws(SystemError) {
            successor = try Successor(
                loop: loop,
                program: program,
                arguments: start.arguments,
                sockets: handed,
                generation: observability.lifecycle.generation + 1,
                onReport: { [unowned self] in reported($0) }
            )
        } catch {
            return upgradeFailed("\(error)")
        }
        observability.lifecycle.isUpgrading = true
        successorTimer = LoopTimer(loop: loop) { [unowned self] in
            upgradeFailed("the new process was not ready within \(ProxyServer.patience.inSeconds) s")
        }
        successorTimer?.arm(at: loop.now + ProxyServer.patience)
        log.info("upgrading: starting the process that takes over", metadata: ["program": "\(program)"])
    }

    private func reported(_ report: Successor.Report) {
        guard let successor else { return }
        switch report {
        case .failed(let reason): upgradeFailed(reason)
        case .ready(let pid):
            // Before the other process speaks: only the main process is listened to.
            reporter?.handOver(to: pid)
            guard successor.go() else {
                return upgradeFailed("the new process ended when it was to take over")
            }
            self.successor = nil
            successorTimer = nil
            observability.lifecycle.isUpgrading = false
            log.info(
                "handed over: accepting nothing more, finishing what is in flight",
                metadata: ["to": "\(pid)", "generation": "\(observability.lifecycle.generation + 1)"]
            )
            leave()
        }
    }

    /// All stays as it was.
    private func upgradeFailed(_ reason: String) {
        abandonSuccessor()
        observability.lifecycle.upgradesFailed += 1
        observability.lifecycle.upgradeError = reason
        log.error("not upgraded; this process goes on", metadata: ["reason": "\(reason)"])
    }

    /// Ends the process that was to take over, if there is one.
    func abandonSuccessor() {
        successor?.abandon()
        successor = nil
        successorTimer = nil
        observability.lifecycle.isUpgrading = false
    }
}
