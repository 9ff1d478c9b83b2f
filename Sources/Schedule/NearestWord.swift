/// The nearest of some words to a mistyped one, or `nil` when none is near: at most a third of its letters may be
/// wrong, counted as insertions, deletions, replacements and swaps of neighbours, upper and lower case being equal.
/// Else the only one that it leaves out letters of, such as `latest` for `last`.
package func nearestWord(to word: String, among words: some Sequence<String>) -> String? {
    let scalars = Array(word.lowercased().unicodeScalars.prefix(64))
    let limit = max(1, scalars.count / 3)
    var best: (distance: Int, word: String)?
    for candidate in words {
        let other = Array(candidate.lowercased().unicodeScalars)
        guard abs(other.count - scalars.count) <= limit else { continue }
        let distance = editDistance(scalars, other)
        guard distance <= limit, distance < other.count else { continue }
        if best.map({ distance < $0.distance }) ?? true { best = (distance, candidate) }
    }
    return best?.word ?? shortened(scalars, among: words)
}

/// The only word that begins as a shortened one does, has all of its letters in their order, and at most twice as many.
private func shortened(_ short: [Unicode.Scalar], among words: some Sequence<String>) -> String? {
    guard short.count >= 3 else { return nil }
    let fitting = words.filter { candidate in
        let letters = Array(candidate.lowercased().unicodeScalars)
        guard letters.first == short.first, letters.count <= 2 * short.count else { return false }
        var rest = short[...]
        for letter in letters where letter == rest.first { rest = rest.dropFirst() }
        return rest.isEmpty
    }
    return fitting.count == 1 ? fitting.first : nil
}

/// Damerau's distance, in the form where no part is edited twice.
package func editDistance(_ one: [Unicode.Scalar], _ other: [Unicode.Scalar]) -> Int {
    var beforeLast = [Int](repeating: 0, count: other.count + 1)
    var last = Array(0...other.count)
    for i in one.indices {
        var row = [i + 1] + [Int](repeating: 0, count: other.count)
        for j in other.indices {
            let isSame = one[i] == other[j]
            row[j + 1] = min(last[j + 1] + 1, row[j] + 1, last[j] + (isSame ? 0 : 1))
            if i > 0, j > 0, one[i] == other[j - 1], one[i - 1] == other[j] {
                row[j + 1] = min(row[j + 1], beforeLast[j - 1] + 1)
            }
        }
        beforeLast = last
        last = row
    }
    return last[other.count]
}
