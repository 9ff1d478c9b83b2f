internal import CSimdjson

/// Bodies that did not come through a client: webhooks, files, tests.
package enum BodyDecoding {
    package static func invoices(_ body: [UInt8]) throws(DecodingFailure) -> Page<Invoice> {
        try page(body)
    }

    package static func paymentIntents(_ body: [UInt8]) throws(DecodingFailure) -> Page<PaymentIntent> {
        try page(body)
    }

    package static func events(_ body: [UInt8]) throws(DecodingFailure) -> Page<Event> {
        try page(body)
    }

    package static func invoice(_ body: [UInt8]) throws(DecodingFailure) -> Invoice {
        try one(body)
    }

    package static func paymentIntent(_ body: [UInt8]) throws(DecodingFailure) -> PaymentIntent {
        try one(body)
    }

    package static func event(_ body: [UInt8]) throws(DecodingFailure) -> Event {
        try one(body)
    }

    package static func invoiceItem(_ body: [UInt8]) throws(DecodingFailure) -> InvoiceItem {
        try one(body)
    }

    package static func refund(_ body: [UInt8]) throws(DecodingFailure) -> Refund {
        try one(body)
    }

    package static func dispute(_ body: [UInt8]) throws(DecodingFailure) -> Dispute {
        try one(body)
    }

    package static func creditNote(_ body: [UInt8]) throws(DecodingFailure) -> CreditNote {
        try one(body)
    }

    package static func invoicePayment(_ body: [UInt8]) throws(DecodingFailure) -> InvoicePayment {
        try one(body)
    }

    package static func charge(_ body: [UInt8]) throws(DecodingFailure) -> Charge {
        try one(body)
    }

    /// The same JSON with every text as the decoder gives it: escapes of NUL, and of half a pair of surrogates, have
    /// become those of U+FFFD. For who takes a body apart before it is decoded, with a reader that refuses such.
    package static func mended(_ body: [UInt8]) -> [UInt8] {
        var body = body
        body.withUnsafeMutableBytes { bytes in
            trueup_json_mend(bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        return body
    }

    /// Decodes and forgets, for benchmarks: the number of rows.
    package static func invoiceRows(_ padded: UnsafeRawBufferPointer, _ pool: DecodingPool) throws(DecodingFailure)
        -> Int
    {
        try Rows<Invoice>(padded, isList: true, pool: pool.decoders).count
    }

    private static func page<Object: StripeObject>(_ body: [UInt8]) throws(DecodingFailure) -> Page<Object> {
        let rows: Rows<Object> = try rows(body, isList: true)
        return Page(
            objects: rows.objects, hasMore: rows.hasMore, requestID: "", byteCount: body.count,
            transferMicroseconds: 0)
    }

    private static func one<Object: StripeObject>(_ body: [UInt8]) throws(DecodingFailure) -> Object {
        let rows: Rows<Object> = try rows(body, isList: false)
        return rows.withRows { Object($0[0]) }
    }

    private static func rows<Object: StripeObject>(
        _ body: [UInt8], isList: Bool
    ) throws(DecodingFailure) -> Rows<Object> {
        // The decoder reads past the end, as far as the padding.
        let padded = body + [UInt8](repeating: 0, count: Int(TRUEUP_JSON_PADDING))
        return try padded.span.withUnsafeBytes { bytes throws(DecodingFailure) in
            try Rows<Object>(
                UnsafeRawBufferPointer(rebasing: bytes[..<body.count]), isList: isList, pool: RowDecoderPool())
        }
    }
}

/// Decoders to be used again and again.
package final class DecodingPool: Sendable {
    let decoders = RowDecoderPool()
    package init() {}
}
