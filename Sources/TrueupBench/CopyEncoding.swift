import PostgreSQL
import Reconciliation
import Store
import Stripe

/// Invoices as rows of binary COPY, next to the same rows as lines of COPY's text format.
struct CopyEncoding {
    let body: [UInt8]

    func measure(seconds: Double) throws -> Measurement {
        let facts = try BodyDecoding.invoices(body).objects.map(Self.facts)
        guard !facts.isEmpty else { throw Disagreement(description: "the page holds no invoice") }
        func encoded() -> BinaryRows {
            var rows = BinaryRows(reservingBytes: facts.count * 400)
            for invoice in facts {
                StagedInvoices.append(
                    invoice, account: "task_health", requestID: "req_1", isFresh: false, to: &rows)
            }
            return rows
        }
        func lines() -> [UInt8] {
            var bytes: [UInt8] = []
            bytes.reserveCapacity(facts.count * 400)
            for invoice in facts { bytes.append(contentsOf: Self.line(invoice).utf8) }
            return bytes
        }
        let (binary, text) = (encoded().rowCount, lines().count { $0 == UInt8(ascii: "\n") })
        guard binary == text else { throw Disagreement(description: "\(binary) rows and \(text) lines") }
        let count = Double(facts.count)
        return Measurement(
            part: "COPY encoder", unit: "rows", plainWay: "COPY's text format",
            unitsPerSecond: unitsPerSecond(seconds: seconds) {
                for _ in 0..<10 { _ = encoded() }
                return 10 * count
            },
            plainUnitsPerSecond: unitsPerSecond(seconds: seconds) {
                _ = lines()
                return count
            })
    }

    private static func facts(_ invoice: Invoice) -> InvoiceFacts {
        InvoiceFacts(
            id: invoice.id, status: InvoiceStatus(invoice.status.text), createdSeconds: invoice.createdSeconds,
            currency: invoice.currency, total: invoice.total,
            prePaymentCredit: invoice.prePaymentCreditNotesAmount,
            postPaymentCredit: invoice.postPaymentCreditNotesAmount, customer: invoice.customer,
            dueSeconds: invoice.dueDateSeconds, autoAdvance: invoice.autoAdvance ?? true,
            isSubscription: invoice.subscription != nil, orderID: invoice.metadata.orderID,
            agencyID: invoice.metadata.agencyID, paidAtSeconds: invoice.paidSeconds,
            voidedAtSeconds: invoice.voidedSeconds, finalizedAtSeconds: invoice.finalizedSeconds,
            paymentIntent: invoice.paymentIntent)
    }

    private static func line(_ invoice: InvoiceFacts) -> String {
        let fields: [String?] = [
            "task_health", invoice.id, invoice.status.word, String(invoice.createdSeconds), invoice.currency,
            String(invoice.total), invoice.amount.map { String($0) }, String(invoice.prePaymentCredit),
            String(invoice.postPaymentCredit), invoice.customer, invoice.dueSeconds.map { String($0) },
            invoice.autoAdvance ? "t" : "f", invoice.isSubscription ? "t" : "f", invoice.orderID, invoice.agencyID,
            invoice.paidAtSeconds.map { String($0) }, invoice.voidedAtSeconds.map { String($0) }, "req_1", "f",
            invoice.finalizedAtSeconds.map { String($0) }, invoice.paymentIntent,
        ]
        return fields.map { $0.map(escaped) ?? "\\N" }.joined(separator: "\t") + "\n"
    }

    private static func escaped(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "\\") || $0 < 0x20 }) else { return text }
        return text.replacing("\\", with: "\\\\").replacing("\t", with: "\\t").replacing("\n", with: "\\n")
            .replacing("\r", with: "\\r")
    }
}
