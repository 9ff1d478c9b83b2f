import Stripe
import Testing

/// One small invoice, member by member, so that a test states only what differs.
struct InvoiceText {
    var members: [(String, String)] = [
        ("id", #""in_1""#), ("object", #""invoice""#), ("created", "1706200000"), ("livemode", "false"),
        ("status", #""open""#), ("currency", #""usd""#), ("total", "2000000000000"), ("amount_due", "5"),
        ("amount_paid", "0"), ("amount_remaining", "5"), ("pre_payment_credit_notes_amount", "0"),
        ("post_payment_credit_notes_amount", "0"), ("customer", #""cus_1""#), ("metadata", "{}"),
    ]

    func with(_ key: String, _ value: String?) -> InvoiceText {
        var copy = self
        copy.members.removeAll { $0.0 == key }
        if let value {
            copy.members.append((key, value))
        }
        return copy
    }

    var json: String {
        "{" + members.map { "\"\($0.0)\": \($0.1)" }.joined(separator: ", ") + "}"
    }

    var bytes: [UInt8] { Array(json.utf8) }

    /// A list in which this one comes second.
    var list: [UInt8] {
        let first = InvoiceText().with("id", #""in_0""#).json
        return Array(#"{"object":"list","data":[\#(first),\#(json)],"has_more":false,"url":"/v1/invoices"}"#.utf8)
    }
}

@Suite struct ObjectDecodingTests {
    private func failure(_ bytes: [UInt8], isList: Bool = true) -> DecodingFailure? {
        do {
            if isList {
                _ = try BodyDecoding.invoices(bytes)
            } else {
                _ = try BodyDecoding.invoice(bytes)
            }
            return nil
        } catch {
            return error
        }
    }

    static let required = [
        "created", "livemode", "status", "currency", "total", "amount_due", "amount_paid", "amount_remaining",
        "pre_payment_credit_notes_amount", "post_payment_credit_notes_amount",
    ]

    @Test("a required field that is absent or null is named with its object", arguments: required, [nil, "null"])
    func missing(field: String, value: String?) {
        let failure = failure(InvoiceText().with(field, value).list)
        #expect(failure?.kind == .missing)
        #expect(failure?.field == field)
        #expect(failure?.index == 1)
        #expect(failure?.id == "in_1")
        #expect(failure?.words.contains("object 1 (in_1), field \(field)") == true)
    }

    @Test("an object without id or kind is named by its place", arguments: ["id", "object"])
    func nameless(field: String) {
        let failure = failure(InvoiceText().with(field, nil).list)
        #expect(failure?.kind == .missing)
        #expect(failure?.field == field)
        #expect(failure?.index == 1)
    }

    @Test(
        "another type than expected is an error that says what was there",
        arguments: [
            ("total", #""5""#, "a string"), ("total", "5.0", "5.0"), ("total", "1e3", "1e3"), ("total", "true", "true"),
            ("total", "9223372036854775808", "9223372036854775808"),
            ("total", "-9223372036854775809", "-9223372036854775809"),
            ("total", "123456789012345678901234567890", "123456789012345678901234567890"), ("total", "[1]", "an array"),
            ("livemode", "0", "0"), ("livemode", #""true""#, "a string"), ("id", "7", "7"),
            ("status", "{}", "an object"),
            ("customer", "7", "7"), ("metadata", "[]", "an array"), ("status_transitions", "5", "5"),
        ])
    func wrongType(field: String, value: String, found: String) {
        let failure = failure(InvoiceText().with(field, value).list)
        #expect(failure?.kind == .wrongType)
        #expect(failure?.field == field)
        #expect(failure?.found == found)
        #expect(failure?.index == 1)
    }

    @Test("the whole range of Int64 is taken", arguments: [Int64.min, -1, 0, Int64.max])
    func integers(value: Int64) throws {
        #expect(try BodyDecoding.invoice(InvoiceText().with("total", "\(value)").bytes).total == value)
    }

    @Test(
        "broken JSON is an error wherever it is read",
        arguments: [
            #"{"object":"list","data":[],"has_more":false"#, #"{"object":"list","data":[,"has_more":false}"#,
            #"{"object":"list","data":[],"has_more":false} x"#, #"{"object":"list","data":[],"has_more":false}{}"#,
            #"{"object":"list","data":[{"id":"\ud8"}],"has_more":false}"#,
            #"{"object":"list","data":[{"id":"\x"}],"has_more":false}"#, #"{"object":"li"#, "{", #"{"a"}"#,
        ])
    func broken(text: String) {
        #expect(failure(Array(text.utf8))?.kind == .broken)
    }

    @Test("bytes that are not UTF-8 are an error")
    func notUTF8() {
        #expect(failure(Array(#"{"object":"list","data":[],"has_more":false,"x":""#.utf8) + [0xFF, 0x22, 0x7D]) != nil)
    }

    @Test("nothing, and what is not an object, are told apart from broken JSON")
    func notJSON() {
        #expect(failure([])?.kind == .empty)
        #expect(failure(Array(" \r\n ".utf8))?.kind == .empty)
        for text in ["<!DOCTYPE html>", "Service Unavailable", "[]", "null", "\u{FEFF}{}"] {
            #expect(failure(Array(text.utf8))?.kind == .notJSON)
        }
    }

    @Test("a list for an object, an object for a list, and another kind are wrong objects")
    func wrongObject() {
        #expect(failure(InvoiceText().list, isList: false)?.kind == .wrongObject)
        #expect(failure(InvoiceText().bytes)?.kind == .wrongObject)
        let other = failure(InvoiceText().with("object", #""charge""#).list)
        #expect(other?.kind == .wrongObject)
        #expect(other?.found == "charge")
        #expect(other?.expected == "invoice")
        #expect(failure(Array(#"{"object":"list","has_more":true}"#.utf8))?.field == "data")
        #expect(failure(Array(#"{"object":"list","data":[]}"#.utf8))?.field == "has_more")
        #expect(failure(Array(#"{"error":{"message":"x"}}"#.utf8))?.kind == .missing)
    }

    @Test("an empty list is a list")
    func emptyList() throws {
        let page = try BodyDecoding.invoices(Array(#"{"has_more":false,"data":[],"object":"list"}"#.utf8))
        #expect(page.objects.isEmpty)
        #expect(!page.hasMore)
    }

    @Test("a status that nobody knows is kept as it stands")
    func unknownStatus() throws {
        let invoice = try BodyDecoding.invoice(InvoiceText().with("status", #""Paid ""#).bytes)
        #expect(invoice.status == .unknown("Paid "))
        #expect(invoice.status != .paid)
        #expect(invoice.status.text == "Paid ")
    }

    @Test("text comes through unescaped, what no database keeps as U+FFFD, and otherwise untouched")
    func text() throws {
        let metadata =
            #"{"order_id": " 12 ", "agency_id": "", "charge_id": "\ud83d\ude80\u0000\"\\\/\n", "#
            + #""x": [1, {"order_id": "no"}]}"#
        let invoice = try BodyDecoding.invoice(InvoiceText().with("metadata", metadata).bytes)
        #expect(invoice.metadata.orderID == " 12 ")
        #expect(invoice.metadata.agencyID == "")
        #expect(invoice.metadata.agencyMemberID == nil)
        #expect(invoice.metadata.chargeID == "🚀\u{FFFD}\"\\/\n")
    }

    /// A text as it stands in JSON, and as it is decoded.
    static let unstorable: [(String, String)] = [
        (#"\u0000"#, "\u{FFFD}"), (#"\u0000\u0000x"#, "\u{FFFD}\u{FFFD}x"), (#"\\u0000"#, #"\u0000"#),
        (#"\ud83d"#, "\u{FFFD}"), (#"\uDE80x"#, "\u{FFFD}x"), (#"\ud83dx\ude80"#, "\u{FFFD}x\u{FFFD}"),
        (#"\ud83d\ud83d\ude80"#, "\u{FFFD}🚀"), (#"\ud83d\n"#, "\u{FFFD}\n"), (#"\ud83d\ude80\ude80"#, "🚀\u{FFFD}"),
        (#"\ud83d\u0041"#, "\u{FFFD}A"), (#"\u0041\u00e9\ufffd"#, "Aé\u{FFFD}"),
    ]

    @Test("NUL and half a pair of surrogates are U+FFFD, each, wherever a text stands", arguments: unstorable)
    func mendedTexts(json: String, text: String) throws {
        let body = InvoiceText().with("metadata", #"{"\ud83d": 1, "order_id": "\#(json)", "agency_id": "7"}"#)
            .with("customer", #"{"object": "customer", "name": "\ud800", "id": "a\#(json)"}"#)
            .with("number", #""\#(json)\#(json)""#)
        // Among others, whose texts are mended as well and stay where they are.
        let all = Array(repeating: body.json, count: 5).joined(separator: ",")
        let list = #"{"object":"list","data":[\#(all)],"has_more":false,"url":"/v1/invoices"}"#
        let invoices = try BodyDecoding.invoices(Array(list.utf8)).objects
        #expect(invoices.count == 5)
        for invoice in invoices {
            #expect(invoice.metadata.orderID == text)
            #expect(invoice.metadata.agencyID == "7")
            #expect(invoice.customer == "a" + text)
            #expect(invoice.number == text + text)
        }
    }

    @Test(
        "an escape that is none is broken JSON",
        arguments: [#"\u00"#, #"\u-001\u0000"#, #"\uzzzz\ud800"#, #"\x\u0000"#])
    func badEscape(json: String) {
        #expect(failure(InvoiceText().with("number", "\"\(json)\"").list)?.kind == .broken)
    }

    @Test("a whole body is mended as the texts are that are read of it")
    func mended() {
        func mended(_ json: String) -> String {
            String(decoding: BodyDecoding.mended(Array(json.utf8)), as: UTF8.self)
        }
        #expect(mended(#"{"a\ud83d":"\ud83dx\u0000y\udc00"}"#) == #"{"a\ufffd":"\ufffdx\ufffdy\ufffd"}"#)
        let whole = #"{"a":"\ud83d\ude00 \\ud83d \u00e9 \" é","b":[1,{"c":null}]}"#
        #expect(mended(whole) == whole)
        for odd in ["", "\\", "\\u", #"{"a":"\u12"#, #""\uZZZZ""#] { #expect(mended(odd) == odd) }
        #expect(mended(#"{"a":"\ud83d\"#) == #"{"a":"\ufffd\"#)
    }

    @Test("an expanded customer is its id, and one without id an error")
    func expanded() throws {
        let whole = #"{"object": "customer", "metadata": {"id": "no"}, "id": "cus_9", "name": null}"#
        #expect(try BodyDecoding.invoice(InvoiceText().with("customer", whole).bytes).customer == "cus_9")
        let failure = failure(InvoiceText().with("customer", #"{"object": "customer"}"#).list)
        #expect(failure?.field == "customer.id")
        #expect(failure?.kind == .missing)
    }

    @Test("a key with an escape is the same key")
    func escapedKey() throws {
        let text = InvoiceText().json.replacing(#""total""#, with: #""to\u0074al""#)
        #expect(try BodyDecoding.invoice(Array(text.utf8)).total == 2_000_000_000_000)
    }

    @Test("both places of a moved field are found, and null in one does not hide the other")
    func moved() throws {
        let old = InvoiceText().with("subscription", #""sub_1""#).with("payment_intent", #""pi_1""#)
            .with("charge", #""ch_1""#).with("parent", "null")
        let new = InvoiceText().with("subscription", "null")
            .with("parent", #"{"type": "x", "subscription_details": {"metadata": {}, "subscription": "sub_1"}}"#)
            .with(
                "payments",
                #"{"object": "list", "data": [{"payment": {"charge": "ch_1", "payment_intent": {"id": "pi_1"}}}, {}]}"#)
        for text in [old, new] {
            let invoice = try BodyDecoding.invoice(text.bytes)
            #expect(invoice.subscription == "sub_1")
            #expect(invoice.paymentIntent == "pi_1")
            #expect(invoice.charge == "ch_1")
        }
    }

    @Test("an unknown field may be nested as deep as it likes", arguments: [10, 1_000, 100_000])
    func deep(depth: Int) throws {
        let nested = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        #expect(try BodyDecoding.invoice(InvoiceText().with("x", nested).bytes).id == "in_1")
        let open = String(repeating: #"{"a":["#, count: depth)
        #expect(failure(InvoiceText().with("x", open).bytes, isList: false)?.kind == .broken)
    }

    @Test("an object cut after any byte is an error")
    func everyCut() {
        let bytes = InvoiceText().with("status_transitions", #"{"paid_at": 17, "x": "é\n"}"#).bytes
        for length in 0..<bytes.count {
            #expect(failure(Array(bytes[..<length]), isList: false) != nil)
        }
    }

    @Test("an event without request, and of an object without id, is read")
    func event() throws {
        let text = #"""
            {"id": "evt_1", "object": "event", "type": "invoice.upcoming", "created": 5, "livemode": true,
             "pending_webhooks": 2, "api_version": null, "request": null,
             "data": {"object": {"object": "invoice", "status": "draft"}, "previous_attributes": {"id": "x"}}}
            """#
        let event = try BodyDecoding.event(Array(text.utf8))
        #expect(event.objectID == nil)
        #expect(event.objectType == "invoice")
        #expect(event.objectStatus == "draft")
        #expect(event.livemode)
        #expect(event.requestID == nil)
        #expect(try Event(webhookBody: Array(text.utf8)) == event)
        #expect(throws: UnreadableBody.self) { try Event(webhookBody: [0x3C]) }
    }
}
