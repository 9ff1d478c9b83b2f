import Credits
import Jobs
import Logging
import PostgreSQL
import Reconciliation
import Runner
import Store
import Stripe

/// Takes the webhooks of some accounts in: what is answered 200 is committed, and everything else is tried again by
/// Stripe (https://docs.stripe.com/webhooks#retries).
struct WebhookDesk: Sendable {
    /// Whose webhooks come here. Which one it is, the signature says.
    let accounts: [LiveAccount]
    let checks: AccountChecks
    let pool: Pool
    /// There is a way for mail: notices can be sent.
    let canSend: Bool
    /// Where those are told who look after what webhooks cannot settle.
    let delivery: DeliverySettings
    let figures: ServiceFigures
    /// Unix seconds; for tests of the signature's age.
    let now: @Sendable () -> Int64
    /// Called in the transaction of each effect, after it, for tests that cut it off there.
    let checkpoint: @Sendable () async throws -> Void

    /// The types that have an effect, here or at another account.
    static let types = Set(LiveTables.orderTypes + LiveTables.noticeTypes + LiveTables.chargeTypes)

    /// What the answer says.
    struct Receipt: Codable, Sendable {
        var received = true
        var outcome: String
        /// How often the event has come, this time included; absent where it is not remembered.
        var deliveries: Int64?
    }

    func receive(_ call: Call) async throws -> Receipt {
        let (account, payload) = try await verified(call)
        let event = payload.event
        let type = Self.types.contains(event.type) ? event.type : "other"
        let remembered = WebhookEvent(
            account: account.name, id: event.id, type: event.type, objectID: event.objectID ?? "",
            createdSeconds: event.createdSeconds)
        var logger = call.logger
        logger[metadataKey: "trueup.account"] = .string(account.name)
        logger[metadataKey: "trueup.event.id"] = .string(event.id)
        logger[metadataKey: "trueup.event.type"] = .string(type)
        do {
            let receipt = try await settle(payload, remembered, account)
            figures.count(webhook: type, outcome: receipt.outcome)
            logger.info("webhook", metadata: ["trueup.outcome": .string(receipt.outcome)])
            return receipt
        } catch {
            let isConflict = (error as? APIError)?.status == .conflict
            figures.count(webhook: type, outcome: isConflict ? "conflict" : "failed")
            if let error = error as? APIError {
                logger.warning("webhook refused", metadata: ["trueup.reason": .string(error.message)])
            }
            throw error
        }
    }

    // MARK: - Whose it is

    private func verified(_ call: Call) async throws -> (LiveAccount, WebhookPayload) {
        do {
            let account = try signer(call)
            let payload = try WebhookPayload(call.body)
            try checkMode(payload, account)
            try await checkAccount(payload, account)
            // Of types without an effect nothing is kept.
            if Self.types.contains(payload.event.type) { try payload.checkIDs() }
            return (account, payload)
        } catch let error as APIError {
            figures.count(webhook: "other", outcome: "refused")
            call.logger.warning("webhook refused", metadata: ["trueup.reason": .string(error.message)])
            throw error
        } catch {
            // The database is away: nothing is wrong with the webhook.
            figures.count(webhook: "other", outcome: "failed")
            throw error
        }
    }

    /// The account under whose secret the signature fits.
    private func signer(_ call: Call) throws(APIError) -> LiveAccount {
        guard !accounts.isEmpty else {
            throw .unavailable("not_configured", "No account has a webhook signing secret for this path.")
        }
        let name = HTTPFieldName.stripeSignature
        let headers = call.head.headerFields[values: name]
        guard headers.count == 1 else {
            throw APIError(.badRequest, "no_signature", "There must be one Stripe-Signature header.")
        }
        var failures: [WebhookSignature.Failure] = []
        for account in accounts {
            do throws(WebhookSignature.Failure) {
                try WebhookSignature.verify(
                    payload: call.body, header: headers[0], secrets: account.secrets, nowSeconds: now())
                return account
            } catch {
                failures.append(error)
            }
        }
        // Too old under one account's secret says more than unknown under the others'.
        let failure = failures.first { $0 != .mismatch } ?? .mismatch
        throw APIError(.badRequest, Self.code(of: failure), failure.description)
    }

    private static func code(of failure: WebhookSignature.Failure) -> String {
        switch failure {
        case .malformed: "signature_malformed"
        case .noSignature: "no_signature"
        case .mismatch: "signature_mismatch"
        case .timestamp: "signature_too_old"
        case .noSecret: "not_configured"
        }
    }

    private func checkMode(_ payload: WebhookPayload, _ account: LiveAccount) throws(APIError) {
        guard let mode = account.mode, payload.event.livemode != (mode == .live) else { return }
        let found = payload.event.livemode ? "live" : "test"
        throw APIError(
            .badRequest, "wrong_mode",
            "The event is of \(found) mode; account \(account.name) is \(mode.rawValue). Point the endpoint of "
                + "\(found) mode elsewhere.")
    }

    /// An event that names an account, as those of connected accounts do (https://docs.stripe.com/connect/webhooks),
    /// has to be of the one that its signer's name stands for.
    /// - Throws: 400 for another one; 503 where nobody can say yet which one it is.
    private func checkAccount(_ payload: WebhookPayload, _ account: LiveAccount) async throws {
        guard let named = payload.account else { return }
        let name = account.name
        var known = account.accountID ?? checks.accountID(of: name)
        if known == nil {
            known = try await pool.withConnection { try await KnownAccounts.accountID(of: name, on: $0) }
        }
        // Of a key that may not say whose it is, and that no run has used, the signature alone says it.
        guard let own = known else { return try checks.require(name) }
        guard named == own else {
            throw APIError(.badRequest, "wrong_account", "The event is of account \(named); \(name) is \(own).")
        }
    }

    // MARK: - What it does

    /// What is to be applied, once what an event cannot tell for certain has been read from Stripe.
    private enum Work: Sendable {
        case order(InvoiceFacts, Reversed)
        case charge(IntentFacts, Reversed)
        case notice(FinalizedInvoice)
        case nothing(String)

        /// The table that it is about, by its job.
        var side: LocalSide? {
            switch self {
            case .order: .orders
            case .charge: .charges
            case .notice: .notices
            case .nothing: nil
            }
        }
    }

    private func settle(
        _ payload: WebhookPayload, _ remembered: WebhookEvent, _ account: LiveAccount
    ) async throws -> Receipt {
        var side = Self.side(of: payload.event.type)
        do {
            // What is read anew waits for a place in the rate limit, which is in the database: where that is away the
            // answer is 503 at once. A connection that is open costs no round trip.
            try await pool.withConnection { _ in }
            guard let work = try await work(payload, account) else { return Receipt(outcome: "ignored") }
            side = work.side
            // Once more: what is done already is found done.
            return try await againAfterLostCommit { try await commit(work, remembered, account) }
        } catch let error as APIError where error.status == .conflict {
            try await refuse(remembered, side, account, reason: error.message)
            throw error
        }
    }

    /// The table that events of a type are about.
    private static func side(of type: String) -> LocalSide? {
        switch type {
        case _ where LiveTables.orderTypes.contains(type): .orders
        case _ where LiveTables.noticeTypes.contains(type): .notices
        case _ where LiveTables.chargeTypes.contains(type): .charges
        default: nil
        }
    }

    /// Nothing of it stays but a note for people, and once a message to them.
    private func refuse(
        _ event: WebhookEvent, _ side: LocalSide?, _ account: LiveAccount, reason: String
    ) async throws {
        let alerts = side.flatMap { account.tables.alerts(about: $0, delivery: delivery) }
        try await againAfterLostCommit {
            try await pool.transaction(attempts: 3) { connection in
                let count = try await WebhookRefusals.record(event, reason: reason, on: connection)
                if count == 1 { try await alerts?.tellRefused(event, reason: reason, on: connection) }
            }
        }
    }

    /// `nil` for a type that has nothing to do with the account's tables: it is not even remembered.
    private func work(_ payload: WebhookPayload, _ account: LiveAccount) async throws -> Work? {
        switch payload.event.type {
        case "invoice.paid", "invoice.voided":
            guard account.tables.orders != nil else { return nil }
            let invoice = try await settled(payload, account)
            return .order(InvoiceFacts(invoice), try await reversed(of: invoice, payload, account))
        case "invoice.finalized":
            guard account.tables.notices != nil else { return nil }
            return try await notice(try payload.invoice(), account)
        case "payment_intent.succeeded", "payment_intent.canceled", "payment_intent.payment_failed":
            guard account.tables.charges != nil else { return nil }
            let intent = try payload.paymentIntent()
            // Final, and nothing of it is missing. A failed attempt may have been followed by a better one, and when
            // the money came the charge says, for a webhook as for a run.
            if intent.status == .canceled
                || (intent.status == .succeeded && intent.amountReceived == intent.amount
                    && intent.chargedSeconds != nil)
            {
                return .charge(IntentFacts(intent), try await reversed(of: intent, payload, account))
            }
            // Where less was received than the charge is for, the rules say so, as at night.
            let now = try await client(of: account).paymentIntent(intent.id, expandingCharge: true).value
            return .charge(IntentFacts(now), try await reversed(of: now, payload, account))
        default: return nil
        }
    }

    /// An event that comes later than this is not news: what it tells of may have been taken back since, Unix seconds.
    private static let lateSeconds: Int64 = 600

    private func isLate(_ payload: WebhookPayload) -> Bool {
        payload.event.createdSeconds < now() - Self.lateSeconds
    }

    /// What was taken back of a payment whose webhook comes late. Of one that comes in time nobody asks.
    private func reversed(
        of invoice: Invoice, _ payload: WebhookPayload, _ account: LiveAccount
    ) async throws -> Reversed {
        guard invoice.status == .paid, isLate(payload) else { return Reversed() }
        return try await Reversals(try client(of: account)).total(ofInvoice: invoice.id)
    }

    private func reversed(
        of intent: PaymentIntent, _ payload: WebhookPayload, _ account: LiveAccount
    ) async throws -> Reversed {
        guard intent.status == .succeeded, isLate(payload) else { return Reversed() }
        return try await Reversals(try client(of: account)).total(ofIntent: intent.id)
    }

    /// For what only Stripe can say: another account would not know the object, and nobody would look again.
    private func client(of account: LiveAccount) throws(APIError) -> StripeClient {
        try checks.require(account.name)
        return account.client
    }

    /// The invoice of a webhook. It is believed where it is void, or paid to the last cent; both states are final. One
    /// that shows another state, or amounts that contradict it, is read anew. What is true of one that Stripe calls
    /// paid though a part of it is not, the rules say, as at night.
    /// - Throws: 409 where Stripe says that it is neither.
    private func settled(_ payload: WebhookPayload, _ account: LiveAccount) async throws -> Invoice {
        let posted = try payload.invoice()
        if posted.status == .void || posted.isPaidInFull { return posted }
        let now = try await client(of: account).invoice(posted.id).value
        guard now.status == .paid || now.status == .void else {
            throw Self.conflict(
                "The event \(payload.event.type) came, and Stripe says that invoice \(now.id) is \(now.status.text).")
        }
        return now
    }

    /// A finalized invoice may be void or paid by now: the mail says what is so when it is written.
    private func notice(_ invoice: Invoice, _ account: LiveAccount) async throws -> Work {
        let now: Invoice
        let client = try client(of: account)
        do {
            now = try await client.invoice(invoice.id).value
        } catch {
            guard error.kind == .notFound else { throw error }
            return .nothing("Stripe does not know the invoice any more")
        }
        switch now.status {
        case .open, .paid, .uncollectible: return .notice(FinalizedInvoice(now, account: account.name))
        case .draft, .void: return .nothing("the invoice is \(now.status.text) by now")
        case .unknown(let word):
            throw Self.conflict("Stripe gives the status “\(word)”, which this version does not know.")
        }
    }

    /// The effect and the memory of the event, in one transaction.
    private func commit(_ work: Work, _ event: WebhookEvent, _ account: LiveAccount) async throws -> Receipt {
        try await pool.transaction(attempts: 3) { connection in
            _ = try await connection.query(
                """
                SELECT set_config('lock_timeout', '3s', true), set_config('statement_timeout', '8s', true),
                    set_config('idle_in_transaction_session_timeout', '10s', true)
                """)
            let outcome = try await apply(work, account, on: connection)
            let deliveries = try await WebhookEvents.record(event, outcome, on: connection)
            try await WebhookRefusals.settle(event, on: connection)
            try await checkpoint()
            return Receipt(outcome: outcome.word, deliveries: deliveries)
        }
    }

    private func apply(
        _ work: Work, _ account: LiveAccount, on connection: Connection
    ) async throws -> WebhookEvent.Outcome {
        switch work {
        case .order(let invoice, let reversed):
            let outcome = try await account.tables.effects.apply(invoice, reversed: reversed, on: connection)
            return try Self.outcome(outcome, named: invoice.orderID.map { "order \($0)" })
        case .charge(let intent, let reversed):
            let outcome = try await account.tables.effects.apply(intent, reversed: reversed, on: connection)
            return try Self.outcome(outcome, named: intent.chargeID.map { "charge \($0)" })
        case .notice(let invoice):
            return try await tell(of: invoice, account, on: connection)
        case .nothing(let reason):
            return .ignored(reason)
        }
    }

    /// - Parameter named: the row that the object names in its metadata.
    private static func outcome(_ outcome: ObjectOutcome, named: String?) throws -> WebhookEvent.Outcome {
        switch outcome {
        case .applied(let words, let row): return .done(words, localID: String(row))
        case .agrees: return .alreadyDone
        case .accepted(let row):
            return .ignored("a person has accepted the difference of row \(row), or reverted its repair")
        case .unknown:
            // An object without a row is no business of ours; one that names a row which is not there is lost.
            guard let named else { return .ignored("no local row is about it") }
            throw conflict("It names \(named), which is not there.")
        case .review(let kind, let reason): throw conflict("\(kind.rawValue): \(reason)")
        }
    }

    private func tell(
        of invoice: FinalizedInvoice, _ account: LiveAccount, on connection: Connection
    ) async throws -> WebhookEvent.Outcome {
        guard let table = account.tables.notices else { return .ignored("no table has its notices") }
        guard let customer = invoice.customer,
            try await table.agency(ofCustomer: customer, on: connection) != nil
        else { return .ignored("no agency has its customer") }
        guard canSend else {
            throw APIError.unavailable("no_mail", "delivery.email is not configured: the agency cannot be told.")
        }
        switch try await NoticeEffects(table: table).queue(invoice, on: connection) {
        case .done: return .done([NoticeEffects.word], localID: invoice.id)
        case .alreadyDone: return .alreadyDone
        case .refused(let reason): throw Self.conflict(reason)
        }
    }

    /// Stripe goes on trying, and its dashboard shows it, until a person has put the row right.
    private static func conflict(_ reason: String) -> APIError { APIError(.conflict, "needs_a_person", reason) }
}
