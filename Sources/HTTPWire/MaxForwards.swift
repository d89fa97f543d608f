/// Max-Forwards (RFC 9110 §7.6.2).
public enum MaxForwards {
    /// How often a TRACE or OPTIONS may still be forwarded; nil where there is no limit.
    ///
    /// - Throws: `invalidMaxForwards` where it is not one decimal number: two recipients could count
    ///   differently.
    public static func read(_ bytes: Span<UInt8>, _ fields: FieldTable) throws(WireError) -> UInt64? {
        guard let field = fields.first(.maxForwards) else { return nil }
        guard fields.count(of: .maxForwards) == 1, let value = FieldValue.parseDecimal(bytes, field.value)
        else {
            throw .invalidMaxForwards
        }
        return value
    }
}
