import ArgumentParser
import Dialling
import Reactor
import Redirection

/// The arguments that say whose connections are redirected, and which.
struct RedirectSelection: ParsableArguments {
    @Option(help: ArgumentHelp("A systemd unit, such as payments.service or apps.slice.", valueName: "unit"))
    var unit: [String] = []

    @Option(help: ArgumentHelp("A control group, such as /system.slice/payments.service.", valueName: "path"))
    var cgroup: [String] = []

    @Option(help: ArgumentHelp("A user, by name or number.", valueName: "user"))
    var uid: [String] = []

    @Option(help: ArgumentHelp("A group of users, by name or number.", valueName: "group"))
    var gid: [String] = []

    @Flag(help: "Everybody but weir itself.")
    var all = false

    @Option(help: ArgumentHelp("Destination ports: a list with ranges, or all.", valueName: "ports"))
    var ports = "80,443"

    @Option(help: ArgumentHelp("Destinations to leave alone: an address or a block.", valueName: "CIDR"))
    var except: [String] = []

    @Flag(help: "Redirect connections to 127.0.0.0/8 and ::1, too.")
    var loopback = false

    @Option(help: ArgumentHelp("Names this redirection; others stay as they are.", valueName: "name"))
    var name = "weir"

    func validate() throws {
        if unit.isEmpty && cgroup.isEmpty && uid.isEmpty && gid.isEmpty && !all {
            throw ValidationError("say whose connections: --unit, --cgroup, --uid, --gid, or --all")
        }
        if all && !(unit.isEmpty && cgroup.isEmpty && uid.isEmpty && gid.isEmpty) {
            throw ValidationError("--all is everybody: leave the others out")
        }
        do throws(RedirectionError) {
            _ = try plan()
        } catch {
            throw ValidationError(error.description)
        }
    }

    /// What was asked for, every text of it read.
    func plan() throws(RedirectionError) -> RedirectPlan {
        var wishes: [RedirectPlan.Wish] = []
        for text in unit { wishes.append(.unit(try Self.unitName(text))) }
        for path in cgroup {
            // Judged here, so that a slip is told before anything is done.
            let group = try Selector.Group(label: path, path: Self.trimmed(path), exists: true, isUnit: false)
            wishes.append(.group(group.path))
        }
        for text in uid {
            guard let number = UserNames.uid(of: text) else {
                throw RedirectionError("there is no user '\(text)'")
            }
            wishes.append(.fixed(.uid(number)))
        }
        for text in gid {
            guard let number = GroupNames.gid(of: text) else {
                throw RedirectionError("there is no group of users '\(text)'")
            }
            wishes.append(.fixed(.gid(number)))
        }
        if all { wishes.append(.fixed(.all)) }
        var exceptions: [AddressRange] = []
        for text in except {
            do throws(AddressRangeError) {
                exceptions.append(try AddressRange(text))
            } catch {
                throw RedirectionError(error.description)
            }
        }
        return RedirectPlan(
            name: try TableName(name),
            wishes: wishes,
            ports: try PortList(ports),
            exceptions: exceptions,
            includesLoopback: loopback
        )
    }

    /// The arguments again, for another process.
    var arguments: [String] {
        func pairs(_ option: String, _ values: [String]) -> [String] { values.map { "--\(option)=\($0)" } }
        return pairs("unit", unit) + pairs("cgroup", cgroup) + pairs("uid", uid) + pairs("gid", gid)
            + (all ? ["--all"] : []) + pairs("ports", [ports]) + pairs("except", except)
            + (loopback ? ["--loopback"] : []) + pairs("name", [name])
    }

    /// A service where no kind of unit is named, as systemctl has it.
    private static func unitName(_ text: String) throws(RedirectionError) -> String {
        let kinds = [".service", ".scope", ".slice"]
        let name = kinds.contains(where: text.hasSuffix) ? text : text + ".service"
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "/") }),
            !text.isEmpty,
            !text.hasPrefix("."),
            name.utf8.count < 256, name != "-.slice"
        else { throw RedirectionError("'\(text)' is not the name of a unit such as payments.service") }
        return name
    }

    private static func trimmed(_ path: String) -> String {
        path.utf8.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    }
}
