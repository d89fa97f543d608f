internal import CLinux

/// One element of a set of nftables: its key as the kernel holds it, and how long it stays.
public struct NetfilterElement: Hashable, Sendable {
    /// As long as the set's type; numbers of the host's are in its byte order.
    public var key: [UInt8]
    /// Nil: until it is removed.
    public var milliseconds: UInt64?

    /// Puts an element together.
    public init(key: [UInt8], milliseconds: UInt64? = nil) {
        self.key = key
        self.milliseconds = milliseconds
    }
}

/// What is said over NETLINK_NETFILTER to change a set: <linux/netfilter/nfnetlink.h>, nf_tables.h.
struct NetfilterMessage {
    private(set) var bytes: [UInt8] = []

    /// A transaction that empties a set of a table of family `inet` and puts elements into it. Each of its two
    /// steps (one where there are no elements) is acknowledged, from sequence number 1 on.
    static func replacing(_ set: String, of table: String, by elements: [NetfilterElement])
        -> NetfilterMessage
    {
        var message = NetfilterMessage()
        let subsystem = UInt16(NFNL_SUBSYS_NFTABLES)
        message.append(UInt16(NFNL_MSG_BATCH_BEGIN), flags: 0, sequence: 0, family: 0, resource: subsystem) {
            _ in
        }
        // Without elements it means all of them, and is no error where there are none.
        message.append(
            subsystem << 8 | UInt16(NFT_MSG_DELSETELEM.rawValue),
            flags: NLM_F_ACK,
            sequence: 1,
            family: 1
        ) { $0.name(set, of: table) }
        if !elements.isEmpty {
            message.append(
                subsystem << 8 | UInt16(NFT_MSG_NEWSETELEM.rawValue),
                flags: NLM_F_ACK | NLM_F_CREATE,
                sequence: 2,
                family: 1
            ) { body in
                body.name(set, of: table)
                body.nest(UInt16(NFTA_SET_ELEM_LIST_ELEMENTS.rawValue)) { list in
                    for element in elements { list.append(element) }
                }
            }
        }
        message.append(UInt16(NFNL_MSG_BATCH_END), flags: 0, sequence: 3, family: 0, resource: subsystem) {
            _ in
        }
        return message
    }

    /// The question for all connections of a family.
    static func listing(_ family: DiagnosticFamily) -> NetfilterMessage {
        var message = NetfilterMessage()
        let type = UInt16(NFNL_SUBSYS_CTNETLINK) << 8 | UInt16(IPCTNL_MSG_CT_GET.rawValue)
        message.append(type, flags: NLM_F_DUMP, sequence: 1, family: family.rawValue) { _ in }
        return message
    }

    /// The order to forget one connection, by what it was listed as.
    static func forgetting(_ original: [UInt8], _ id: [UInt8], _ family: DiagnosticFamily) -> NetfilterMessage
    {
        var message = NetfilterMessage()
        let type = UInt16(NFNL_SUBSYS_CTNETLINK) << 8 | UInt16(IPCTNL_MSG_CT_DELETE.rawValue)
        message.append(type, flags: NLM_F_ACK, sequence: 2, family: family.rawValue) { body in
            body.attribute(UInt16(CTA_TUPLE_ORIG.rawValue) | UInt16(WEIR_NLA_F_NESTED), original)
            body.attribute(UInt16(CTA_ID.rawValue), id)
        }
        return message
    }

    private mutating func append(
        _ type: UInt16,
        flags: Int32,
        sequence: UInt32,
        family: UInt8,
        resource: UInt16 = 0,
        _ body: (inout NetfilterMessage) -> Void
    ) {
        let start = bytes.count
        number(UInt32(0))
        number(type)
        number(UInt16(NLM_F_REQUEST | flags))
        number(sequence)
        number(UInt32(0))
        // nfgenmsg: family, version 0, resource in network byte order.
        bytes += [family, 0]
        number(resource.bigEndian)
        body(&self)
        setLength(UInt32(bytes.count - start), at: start)
    }

    private mutating func name(_ set: String, of table: String) {
        attribute(UInt16(NFTA_SET_ELEM_LIST_TABLE.rawValue), Array(table.utf8) + [0])
        attribute(UInt16(NFTA_SET_ELEM_LIST_SET.rawValue), Array(set.utf8) + [0])
    }

    private mutating func append(_ element: NetfilterElement) {
        nest(UInt16(NFTA_LIST_ELEM.rawValue)) { body in
            body.nest(UInt16(NFTA_SET_ELEM_KEY.rawValue)) {
                $0.attribute(UInt16(NFTA_DATA_VALUE.rawValue), element.key)
            }
            if let milliseconds = element.milliseconds {
                var value = NetfilterMessage()
                value.number(milliseconds.bigEndian)
                body.attribute(UInt16(NFTA_SET_ELEM_TIMEOUT.rawValue), value.bytes)
            }
        }
    }

    private mutating func nest(_ type: UInt16, _ body: (inout NetfilterMessage) -> Void) {
        var inner = NetfilterMessage()
        body(&inner)
        attribute(type | UInt16(WEIR_NLA_F_NESTED), inner.bytes)
    }

    private mutating func attribute(_ type: UInt16, _ content: [UInt8]) {
        number(UInt16(content.count + 4))
        number(type)
        bytes += content
        // Attributes and messages begin at multiples of four bytes.
        while bytes.count % 4 != 0 { bytes.append(0) }
    }

    private mutating func number<Number: FixedWidthInteger & BitwiseCopyable>(_ value: Number) {
        withUnsafeBytes(of: value) { bytes += $0 }
    }

    private mutating func setLength(_ length: UInt32, at offset: Int) {
        withUnsafeBytes(of: length) { bytes.replaceSubrange(offset..<offset + 4, with: $0) }
    }
}
