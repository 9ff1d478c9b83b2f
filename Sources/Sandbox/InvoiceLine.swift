/// One line of an invoice, as it is rendered.
struct InvoiceLine {
    enum Words {
        case plain(UInt64)
        case credits(Int64)
        case custom(String?)
    }

    var position: Int64
    var amount: Int64
    var quantity: Int64
    var unitAmount: Int64
    var item: Int64
    var createdSeconds: Int64
    var words: Words
    var metadata: [(key: String, value: String)]
}

extension InvoiceRecord {
    /// How many lines it has, generated or written.
    var lines: Int { words?.lines?.count ?? lineCount }

    /// The line at `position`. Generated lines share the subtotal: the first takes what the others leave.
    func line(_ position: Int) -> InvoiceLine {
        if let line = words?.lines?[position] {
            return InvoiceLine(
                position: Int64(position), amount: line.amount, quantity: line.quantity, unitAmount: line.unitAmount,
                item: line.item, createdSeconds: line.createdSeconds, words: .custom(line.description),
                metadata: line.metadata)
        }
        let others = subtotal / Int64(lineCount * 2)
        let amount = position == 0 ? subtotal - others * Int64(lineCount - 1) : others
        let words: InvoiceLine.Words =
            if case .order(_, _, _, let credits) = theme { .credits(credits) } else {
                .plain(hash >> UInt64(position * 3))
            }
        return InvoiceLine(
            position: Int64(position), amount: amount, quantity: 1, unitAmount: amount,
            item: index * 8 + Int64(position), createdSeconds: createdSeconds, words: words, metadata: [])
    }

    /// The tax on the line at `position`; the lines add up to the invoice's tax to the cent.
    func lineTax(_ position: Int) -> Int64 {
        guard taxPercent > 0 else { return 0 }
        guard position == 0 else { return taxed(line(position).amount) }
        return (1..<max(1, lines)).reduce(tax) { $0 - taxed(line($1).amount) }
    }
}
