import Foundation
import Reconciliation

extension SignaturePage {
    /// What a page that was written says otherwise than this one does: every line of every signature in its place,
    /// whether it is signed, and which statement takes whose place. Empty where it says the same. The form around them
    /// is not looked at, which later versions may change.
    public func differences(from page: String) -> [String] {
        var wrong: [String] = []
        if Self.between("<h1>", "</h1>", page).first != HTML.text(status) { wrong.append("whether it is signed") }
        let place = Self.between("<p class=\"note\">It takes the place of ", "</p>", page)
        let own = Self.between("<p class=\"note\">It takes the place of ", "</p>", superseding)
        if place != own { wrong.append("whose place it takes") }
        let mark = "<p class=\"note\">To be superseded by "
        if Self.between(mark, "</p>", page) != Self.between(mark, "</p>", pending) {
            wrong.append("which is to take its place")
        }
        let boxes = Self.between("<section>", "</section>", page)
        guard boxes.count == signatures.count else { return wrong + ["the number of signatures"] }
        for (signature, box) in zip(signatures, boxes) {
            let title = Self.title(signature.role)
            guard Self.between("<h2>", "</h2>", box) == [title] else {
                wrong.append("the \(signature.role)'s signature")
                continue
            }
            let names = Self.between("<th scope=\"row\">", "</th>", box)
            let values = Self.between("<td>", "</td>", box)
            let rows = rows(signature)
            for row in rows {
                // Without its seconds on pages of earlier versions; what was kept with the signature has them all.
                let may = row.name == Self.signedName ? [row.value, atMinute(signature.atSeconds)] : [row.value]
                guard !zip(names, values).contains(where: { $0 == row.name && may.contains($1) }) else { continue }
                wrong.append("\(title), \(row.name)")
            }
            let known = rows.map(\.name)
            wrong += names.filter { !known.contains($0) }.map { "\(title), \($0)" }
            if Set(names).count != names.count || names.count != values.count { wrong.append("the lines of \(title)") }
        }
        return wrong
    }

    /// The texts between two marks. What people wrote has no `<` on the page, so that it cannot be one.
    private static func between(_ start: String, _ end: String, _ page: String) -> [String] {
        page.components(separatedBy: start).dropFirst().map { $0.components(separatedBy: end)[0] }
    }
}
