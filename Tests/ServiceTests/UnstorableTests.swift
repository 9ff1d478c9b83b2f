import Foundation
import Sandbox
import Support
import Testing

@Suite("Texts that no database keeps")
struct UnstorableTests {
    @Test("an event with such an id, of its own or of its object, is 400, and not 503 for three days")
    func events() async throws {
        try await Counter.with { counter in
            let (_, invoice, event) = try await counter.paid()
            let long = "evt_" + String(repeating: "x", count: 3_000)
            func object(_ event: inout [String: Any], _ name: String, _ value: Any) {
                var data = event["data"] as? [String: Any] ?? [:]
                var object = data["object"] as? [String: Any] ?? [:]
                object[name] = value
                data["object"] = object
                event["data"] = data
            }
            let wrong: [(String, (inout [String: Any]) -> Void)] = [
                ("id with NUL", { $0["id"] = "evt_\0" }), ("id too long", { $0["id"] = long }),
                ("empty id", { $0["id"] = "" }),
                ("object id with NUL", { object(&$0, "id", "in_\0") }),
                ("object id too long", { object(&$0, "id", long) }),
            ]
            for (name, change) in wrong {
                let reply = try await counter.deliver(try counter.changed(event, change), account: "task_health")
                #expect(reply.status == 400 && reply.code == "not_an_event", "\(name): \(reply.text)")
            }
            #expect(try await counter.number("SELECT count(*) FROM trueup.webhook_event") == 0)
            // What nobody keeps may hold anything.
            let harmless = try counter.changed(event) { object(&$0, "description", "a\0b") }
            #expect(try await counter.deliver(harmless, account: "task_health").outcome == "done")
            #expect(try await counter.balance() == 10)
            #expect(try await counter.word("SELECT object_id FROM trueup.webhook_event") == invoice)
        }
    }

    @Test(
        "half a pair of surrogates in a text that nobody keeps is no reason to refuse an event, as none for a run",
        arguments: [#"\ud83d"#, #"x\ude80y"#, #"\ud83d\u0041"#, #"\ude80\ud83d"#])
    func surrogates(_ text: String) async throws {
        try await Counter.with { counter in
            let (_, _, event) = try await counter.paid()
            let marked = try counter.changed(event) { event in
                var data = event["data"] as? [String: Any] ?? [:]
                var object = data["object"] as? [String: Any] ?? [:]
                object["description"] = "MARK"
                data["object"] = object
                event["data"] = data
            }
            let body = String(decoding: marked, as: UTF8.self).replacing("MARK", with: text)
            #expect(body.contains(text))
            let reply = try await counter.deliver(Array(body.utf8), account: "task_health")
            #expect(reply.status == 200 && reply.outcome == "done", "\(reply.text)")
            #expect(try await counter.balance() == 10)
        }
    }

    @Test("a text of the object that is looked up is 400 as well")
    func objects() async throws {
        try await Counter.with { counter in
            let (_, _, event) = try await counter.paid()
            let body = try counter.changed(event) { event in
                var data = event["data"] as? [String: Any] ?? [:]
                var object = data["object"] as? [String: Any] ?? [:]
                object["customer"] = "cus_\0"
                object["currency"] = "us\0"
                data["object"] = object
                event["data"] = data
            }
            let reply = try await counter.deliver(body, account: "task_health")
            // Either a text cannot be looked up, or it is a mismatch that a person sees: never “try again”.
            #expect([400, 409].contains(reply.status), "\(reply.text)")
            #expect(try await counter.balance() == 0)
        }
    }
}
