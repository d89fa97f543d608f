/// Lines up the cells of a table.
enum Columns {
    /// One line for each row; a column is as wide as its widest cell. The cells of the columns in `left`
    /// keep to the left, others, which are numbers, to the right.
    static func lines(_ rows: [[String]], left: Set<Int>) -> [String] {
        var widths: [Int] = []
        for row in rows {
            for (column, cell) in row.enumerated() {
                if column == widths.count { widths.append(0) }
                widths[column] = max(widths[column], cell.count)
            }
        }
        return rows.map { row in
            row.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                return left.contains(column) ? cell + padding : padding + cell
            }.joined(separator: "  ")
        }
    }
}
