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
    struct Invoice: Decodable {
        struct Transitions: Decodable {
            let paid_at: Int64?
            let voided_at: Int64?
            let finalized_at: Int64?
        }
        let id: String
        let status: String
        let created: Int64
        let currency: String
        let total: Int64
        let pre_payment_credit_notes_amount: Int64
        let post_payment_credit_notes_amount: Int64
        let customer: String?
        let due_date: Int64?
        let auto_advance: Bool?
        let metadata: [String: String]
        let status_transitions: Transitions
    }
    let data: [Invoice]
    let has_more: Bool
}
