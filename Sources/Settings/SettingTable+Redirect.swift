import Basics

extension SettingTable {
    // Rows are broken by hand, so that each reads as a row: swift format would give each cell a line.
    // swift-format-ignore
    static let redirect: [Setting] = [
        Setting(
            "redirect.listen", .redirectEndpoints, \.redirect.listen, default: "off",
            """
            Addresses to which the kernel redirects the connections of apps that know of no proxy (nftables \
            redirect or tproxy; see docs/redirect.md). on is 127.0.0.1:3129 and [::1]:3129. What connects here \
            without having been redirected is refused.
            """
        ),
        Setting(
            "redirect.mark", .mark, \.redirect.mark, default: "auto", reloadable: false,
            """
            SO_MARK of the sockets that weir opens, by which the rules let its own connections through; it takes \
            CAP_NET_ADMIN, or CAP_NET_RAW since Linux 5.17. auto is 12407 (0x3077), none of whose bits Kubernetes, \
            Calico, Cilium or the AWS CNI uses, where redirect.listen is on. 0 sets none.
            """
        ),
        Setting(
            "redirect.raw_idle_timeout", .duration(unlimited: true), \.redirect.rawIdleTimeout, default: "2h",
            """
            How long a redirected connection may be quiet that is neither HTTP nor TLS, such as one of a pool to \
            a database; dead ones are found by tcp.keepalive_idle.
            """
        ),
    ]
}
