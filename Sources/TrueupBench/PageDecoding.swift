import Foundation
import Stripe

/// A page of invoices from its bytes to typed rows, next to Foundation's decoder with the fields that are compared.
struct PageDecoding {
    let body: [UInt8]

    /// simdjson reads up to so many bytes past the end of its input.
    private static let padding = 64

    func measure(seconds: Double) throws -> Measurement {
        let megabytes = Double(body.count) / 1e6
        let padded = body + [UInt8](repeating: 0, count: Self.padding)
        let pool = DecodingPool()
        func rows() throws -> Int {
            try padded.withUnsafeBytes { bytes in
                try BodyDecoding.invoiceRows(UnsafeRawBufferPointer(rebasing: bytes[..<body.count]), pool)
            }
        }
        let data = Data(body)
        let decoder = JSONDecoder()
        let (ours, plain) = (try rows(), try decoder.decode(PlainInvoicePage.self, from: data).data.count)
        guard ours == plain, ours > 0 else {
            throw Disagreement(description: "the page holds \(ours) invoices, or \(plain) for the plain decoder")
        }
        return Measurement(
            part: "page decoder", unit: "MB", plainWay: "JSONDecoder",
            unitsPerSecond: try unitsPerSecond(seconds: seconds) {
                for _ in 0..<10 { _ = try rows() }
                return 10 * megabytes
            },
            plainUnitsPerSecond: try unitsPerSecond(seconds: seconds) {
                _ = try decoder.decode(PlainInvoicePage.self, from: data)
                return megabytes
            })
    }
}

/// The compared fields of a page of invoices, for Foundation's decoder.
private struct PlainInvoicePage: Decodable {
    let data: [PlainInvoice]
    let hasMore: Bool

    enum CodingKeys: String, CodingKey {
        case data
        case hasMore = "has_more"
    }
}

private struct PlainInvoice: Decodable {
    let id: String
    let status: String
    let created: Int64
    let currency: String
    let total: Int64
    let prePaymentCredit: Int64
    let postPaymentCredit: Int64
    let customer: String?
    let dueDate: Int64?
    let autoAdvance: Bool?
    let metadata: [String: String]
    let transitions: PlainTransitions

    enum CodingKeys: String, CodingKey {
        case id, status, created, currency, total, customer, metadata
        case prePaymentCredit = "pre_payment_credit_notes_amount"
        case postPaymentCredit = "post_payment_credit_notes_amount"
        case dueDate = "due_date"
        case autoAdvance = "auto_advance"
        case transitions = "status_transitions"
    }
}

private struct PlainTransitions: Decodable {
    let paidAt: Int64?
    let voidedAt: Int64?
    let finalizedAt: Int64?

    enum CodingKeys: String, CodingKey {
        case paidAt = "paid_at"
        case voidedAt = "voided_at"
        case finalizedAt = "finalized_at"
    }
}
