import Access
import Dialling

extension SettingTable {
    // Rows are broken by hand, so that each reads as a row: swift format would give each cell a line.
    // swift-format-ignore
    static let access: [Setting] = [
        Setting(
            "access.allow_clients", .blocks(or: "any"), \.access.allowClients, default: "any",
            """
            Addresses of clients that are served; all others get 403. Clients of a Unix socket are judged by the \
            permissions of its file instead.
            """
        ),
        Setting(
            "access.deny_clients", .blocks(or: "none"), \.access.denyClients, default: "none",
            "Addresses of clients that are not served, whatever allows them."
        ),
        Setting(
            "access.allow", .destinations(none: false), \.access.allow, default: "any",
            """
            Destinations that are served; with a list without any, all others get 403. example.org is that host \
            and all below it, .example.org only those below; a block is judged by the address that is dialled. \
            Blocks named here, beside any if need be, are exceptions to the presets below.
            """
        ),
        Setting(
            "access.deny", .destinations(none: true), \.access.deny, default: "none",
            """
            Destinations that are not served, whatever allows them. Of a name with several addresses only those \
            are dialled that are not denied. any:25 denies a port.
            """
        ),
        Setting(
            "access.deny_private", .onOff, \.access.denyPrivate, default: "off",
            """
            Whether addresses that are not of the Internet are denied: private, loopback, link-local, shared, \
            multicast and reserved ones, also where an IPv6 address wraps them.
            """
        ),
        Setting(
            "access.deny_metadata", .onOff, \.access.denyMetadata, default: "off",
            "Whether the metadata services of clouds (169.254.169.254 and its kind) are denied, by address and name."
        ),
        Setting(
            "access.allowed_ports", .ports, \.access.allowedPorts, default: "any",
            "Ports to which plain requests may go; for CONNECT it is tunnel.allowed_ports."
        ),
        Setting(
            "access.users_file", .file, \.access.usersFile, default: "none",
            """
            Users who may use the proxy with a password (Basic), lines of name:hash as htpasswd -B and mkpasswd -m \
            sha-512 make them; all others get 407. Redirected connections cannot be asked, so they are not.
            """
        ),
        Setting(
            "access.basic_auth_without_tls", .onOff, \.access.basicAuthWithoutTLS, default: "off",
            """
            Whether passwords may come over the network, where everybody on the way can read them. off refuses to \
            start with access.users_file where listen has an address that is not loopback.
            """
        ),
    ]
}
