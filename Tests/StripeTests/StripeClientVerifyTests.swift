import Curl
import Stripe
import Support
import Testing

@Suite struct StripeClientVerifyTests {
    private static let account = ScriptedServer.answer(
        #"{"id":"acct_1","object":"account","country":"US","settings":{"dashboard":{"display_name":"Task Health"}}}"#)

    @Test(
        "a key that cannot work is refused before any request, without being repeated",
        arguments: [
            ("pk_live_CANARY", "publishable"), ("whsec_CANARY", "webhook"), ("", "empty"), ("CANARY", "none of"),
            ("sk_test_", "none of"), ("sk_test_CANARY\n", "white space"), ("sk_prod_CANARY", "none of"),
        ])
    func refused(key: String, words: String) async throws {
        try await ClientRig.run(key: key) { _ in
            Self.account
        } _: { rig in
            for error in [await rig.failure(), await rig.listFailure()] {
                #expect(error?.kind == .keyRefused)
                #expect(error?.description.contains(words) == true)
                #expect(error?.description.contains("CANARY") == false)
            }
            await #expect(throws: StripeError.self) { try await rig.client.verify() }
            #expect(rig.server.requests.isEmpty)
        }
    }

    @Test("a key of the other mode is refused before any request")
    func wrongMode() async throws {
        try await ClientRig.run(mode: .live) { _ in
            Self.account
        } _: { rig in
            #expect(await rig.listFailure()?.kind == .wrongMode)
            #expect(rig.server.requests.isEmpty)
        }
    }

    @Test("a key of another account is refused before the first read")
    func wrongAccount() async throws {
        try await ClientRig.run(accountID: "acct_2") { _ in
            Self.account
        } _: { rig in
            let error = await rig.listFailure()
            #expect(error?.kind == .wrongAccount)
            #expect(error?.description.contains("acct_2") == true)
            #expect(error?.description.contains("acct_1") == true)
            #expect(rig.server.requests.map(\.target) == ["/v1/account"])
        }
    }

    @Test("verification tells who the account is, once for all who ask")
    func once() async throws {
        try await ClientRig.run(accountID: "acct_1") { request in
            request.target == "/v1/account"
                ? [.pause(milliseconds: 20)] + Self.account : ClientRig.list([InvoiceText()])
        } _: { rig in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<20 {
                    group.addTask { _ = try await rig.client.invoices(ListQuery()) }
                }
                try await group.waitForAll()
            }
            #expect(rig.server.requests.count { $0.target == "/v1/account" } == 1)
            let identity = try await rig.client.verify()
            #expect(identity.accountID == "acct_1")
            #expect(identity.mode == .test)
            #expect(!identity.isRestricted)
            #expect(identity.displayName == "Task Health")
            #expect(rig.server.requests.count == 21)
        }
    }

    @Test("a failed verification is tried again by the next who asks")
    func again() async throws {
        try await ClientRig.run(accountID: "acct_1", retry: .never) { request in
            request.number == 0 ? ClientRig.error(500) : Self.account
        } _: { rig in
            await #expect(throws: StripeError.self) { try await rig.client.verify() }
            let identity = try await rig.client.verify()
            #expect(identity.accountID == "acct_1")
        }
    }

    @Test(
        "a restricted key that may not read its account passes, unless the account is demanded",
        arguments: [nil, "acct_1"])
    func restricted(demanded: String?) async throws {
        try await ClientRig.run(key: "rk_test_1", accountID: demanded) { _ in
            ClientRig.error(403, #"{"error":{"type":"invalid_request_error","message":"rk_test_1 may not"}}"#)
        } _: { rig in
            if demanded == nil {
                let identity = try await rig.client.verify()
                #expect(identity.accountID == nil)
                #expect(identity.isRestricted)
            } else {
                let error = await #expect(throws: StripeError.self) { try await rig.client.verify() }
                #expect(error?.kind == .permission)
            }
        }
    }
}
