/// The words nearest to a misspelt one, nearest first; empty where none is near.
func nearest(to word: String, among known: [String]) -> [String] {
    let reach = Swift.max(1, word.count / 3)
    let scored = known.map { (word: $0, distance: editDistance(word, $0)) }
    guard let best = scored.map(\.distance).min(), best <= reach else { return [] }
    return scored.filter { $0.distance == best }.map(\.word)
}

extension SettingTable {
    /// The one word that a misspelt one most likely means, for what is no setting (an option); nil if none
    /// is near.
    public static func nearestWord(to word: String, among known: [String]) -> String? {
        nearest(to: word, among: known).first
    }
}

/// The settings that an unknown key may have meant: one misspelt, or one of that name in another section.
func suggestedKeys(for key: String, among known: [String]) -> [String] {
    let name = lastPart(key)
    // The right name in the wrong section is a better guess than another name a few letters away.
    let elsewhere = known.filter { lastPart($0) == name }
    if !elsewhere.isEmpty { return elsewhere }
    let similar = nearest(to: key, among: known)
    if !similar.isEmpty { return similar }
    let names = Set(nearest(to: name, among: known.map(lastPart)))
    return known.filter { names.contains(lastPart($0)) }
}

/// `; did you mean a or b?`, or nothing.
func didYouMean(_ words: [String]) -> String {
    words.isEmpty ? "" : "; did you mean \(listing(Array(words.prefix(3)), last: "or"))?"
}

private func lastPart(_ key: String) -> String {
    key.split(separator: ".").last.map(String.init) ?? key
}

/// Fewest insertions, deletions, replacements and swaps of neighbours between two words.
private func editDistance(_ left: String, _ right: String) -> Int {
    // A word from outside can be long; beyond this it is no misspelling of anything.
    let a = Array(left.unicodeScalars.prefix(80))
    let b = Array(right.unicodeScalars)
    var beforeLast: [Int] = []
    var last = Array(0...b.count)
    for i in a.indices {
        var row = [i + 1]
        for j in b.indices {
            var cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, beforeLast[j - 1] + 1) }
            row.append(cost)
        }
        beforeLast = last
        last = row
    }
    return last[b.count]
}
