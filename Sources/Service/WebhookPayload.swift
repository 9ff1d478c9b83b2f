import Foundation
import Stripe

/// A Stripe event as it was posted, once its signature is verified.
struct WebhookPayload: Sendable {
    let event: Event
    /// acct_…, where the event names one.
    let account: String?
    /// The bytes of `data.object`: the object as it was when the event happened.
    let object: [UInt8]

    /// - Throws: `APIError` 400 for what is no event of Stripe's.
    init(_ body: [UInt8]) throws(APIError) {
        do {
            event = try Event(webhookBody: body)
        } catch {
            throw APIError(.badRequest, "not_an_event", error.description)
        }
        // One text that no database keeps is no reason to refuse the event: a run reads such an object as well.
        let mended = Data(BodyDecoding.mended(body))
        guard let root = try? JSONSerialization.jsonObject(with: mended) as? [String: Any],
            let data = root["data"] as? [String: Any], let object = data["object"] as? [String: Any],
            let bytes = try? JSONSerialization.data(withJSONObject: object)
        else {
            throw APIError(.badRequest, "not_an_event", "the webhook has no data.object")
        }
        account = root["account"] as? String
        self.object = Array(bytes)
    }

    /// Ids are kept and indexed: what cannot be is said at once, and not tried again as if the database were away.
    /// - Throws: `APIError` 400.
    func checkIDs() throws(APIError) {
        try Self.check("id", event.id)
        if let objectID = event.objectID { try Self.check("data.object.id", objectID) }
    }

    private static func check(_ name: String, _ text: String) throws(APIError) {
        guard !text.isEmpty, text.utf8.count <= idBytesMax,
            text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0 != "\u{fffd}" })
        else {
            throw APIError(
                .badRequest, "not_an_event",
                "its \(name) must have 1 to \(idBytesMax) bytes, no control characters and no U+FFFD")
        }
    }

    /// Stripe's ids have at most so many (https://docs.stripe.com/upgrades).
    private static let idBytesMax = 255

    /// The invoice in it.
    func invoice() throws(APIError) -> Invoice {
        do {
            return try BodyDecoding.invoice(object)
        } catch {
            throw APIError(.badRequest, "not_an_event", "data.object is no invoice: \(error.words)")
        }
    }

    /// The payment intent in it.
    func paymentIntent() throws(APIError) -> PaymentIntent {
        do {
            return try BodyDecoding.paymentIntent(object)
        } catch {
            throw APIError(.badRequest, "not_an_event", "data.object is no payment intent: \(error.words)")
        }
    }
}
