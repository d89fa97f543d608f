import Dialling

/// Addresses and names with a meaning of their own.
enum SpecialAddresses {
    /// Blocks that no host on the Internet has: those of the IANA registries of special-purpose addresses
    /// (RFC 6890) that are not globally reachable, multicast, and what was once meant for a site (fec0::/10).
    static let notPublic: [AddressRange] =
        v4([
            (0x0000_0000, 8), (0x0a00_0000, 8), (0x6440_0000, 10), (0x7f00_0000, 8), (0xa9fe_0000, 16),
            (0xac10_0000, 12), (0xc000_0000, 24), (0xc000_0200, 24), (0xc0a8_0000, 16), (0xc612_0000, 15),
            (0xc633_6400, 24), (0xcb00_7100, 24), (0xe000_0000, 4), (0xf000_0000, 4),
        ])
        + [
            AddressRange(.v6(high: 0, low: 0, scope: 0), 128),
            AddressRange(.v6(high: 0, low: 1, scope: 0), 128),
        ]
        + v6([
            // NAT64 of a site, discarding, benchmarks, ORCHID, documentation twice, segment routing.
            (0x0064_ff9b_0001_0000, 48), (0x0100_0000_0000_0000, 63), (0x2001_0002_0000_0000, 48),
            (0x2001_0010_0000_0000, 28), (0x2001_0db8_0000_0000, 32), (0x3fff_0000_0000_0000, 20),
            (0x5f00_0000_0000_0000, 16),
            // Unique local, link-local, site-local, multicast.
            (0xfc00_0000_0000_0000, 7), (0xfe80_0000_0000_0000, 10), (0xfec0_0000_0000_0000, 10),
            (0xff00_0000_0000_0000, 8),
        ])

    /// Where clouds tell a machine its secrets.
    static let metadata: [AddressRange] =
        v4([
            // Nearly all of them; the tasks and pods of AWS; Scaleway; Tencent; Alibaba; Azure's host agent; Oracle
            // Classic.
            (0xa9fe_a9fe, 32), (0xa9fe_aa02, 32), (0xa9fe_aa17, 32), (0xa9fe_2a2a, 32), (0xa9fe_0017, 32),
            (0x6464_64c8, 32), (0xa83f_8110, 32), (0xc000_00c0, 32),
        ])
        + [
            // AWS: instances and pods; Google; Scaleway; OpenStack.
            AddressRange(.v6(high: 0xfd00_0ec2_0000_0000, low: 0x254, scope: 0), 128),
            AddressRange(.v6(high: 0xfd00_0ec2_0000_0000, low: 0x23, scope: 0), 128),
            AddressRange(.v6(high: 0xfd20_00ce_0000_0000, low: 0x254, scope: 0), 128),
            AddressRange(.v6(high: 0xfd00_0042_0000_0000, low: 0x42, scope: 0), 128),
            AddressRange(.v6(high: 0xfe80_0000_0000_0000, low: 0xa9fe_a9fe, scope: 0), 128),
        ]

    /// Names under which they are asked for. What they lead to is judged as well; a parent proxy sees only these.
    static let metadataNames: Set<String> = [
        "metadata", "metadata.google.internal", "metadata.goog", "instance-data",
        "instance-data.ec2.internal",
        "metadata.tencentyun.com", "api.metadata.cloud.ibm.com", "metadata.platformequinix.com",
        "metadata.packet.net", "rancher-metadata", "rancher-metadata.rancher.internal",
    ]

    private static func v4(_ blocks: [(UInt32, Int)]) -> [AddressRange] {
        blocks.map { AddressRange(.v4($0.0), $0.1) }
    }

    /// Blocks that end within the first eight bytes.
    private static func v6(_ blocks: [(UInt64, Int)]) -> [AddressRange] {
        blocks.map { AddressRange(.v6(high: $0.0, low: 0, scope: 0), $0.1) }
    }
}
