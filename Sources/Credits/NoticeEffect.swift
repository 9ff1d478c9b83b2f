import PostgreSQL
import Reconciliation
import Store

/// Tells an agency of a finalized invoice (DESIGN section 5, `missed_finalized_notice`). The webhook handler and the
/// repair run the same code, so that whoever comes second finds the work done.
public struct NoticeEffects: Sendable {
    let table: NoticeTable

    /// - Parameter table: the notices, as the catalog has them.
    public init(table: NoticeTable) { self.table = table }

    /// The word in the audit.
    public static let word = "notice"

    /// What no second mail about this invoice is sent under.
    public static func dedupeKey(account: String, invoiceID: String) -> String { "notice/\(account)/\(invoiceID)" }

    /// Records the notice and puts its mail into the outbox. The notice's `sent_at` stays `NULL` until the mail has
    /// been sent. It must run inside a transaction, which the caller commits together with its own record of the
    /// effect.
    /// - Returns: ``EffectOutcome/refused(_:)`` where nobody can be told, with the reason.
    /// - Throws: `PostgresError`; the transaction is then to be rolled back.
    public func queue(_ invoice: FinalizedInvoice, on connection: Connection) async throws -> EffectOutcome {
        let existing = try await recordedAccount(of: invoice, on: connection)
        if let existing { return existing }
        let found: NoticeTable.Recipient? =
            if let customer = invoice.customer {
                try await table.agency(ofCustomer: customer, on: connection)
            } else { nil }
        guard let recipient = found else {
            return .refused("no agency has the customer \(invoice.customer ?? "that invoice \(invoice.id) lacks")")
        }
        guard recipient.agencies == 1 else {
            return .refused("\(recipient.agencies) agencies have the customer \(invoice.customer ?? "")")
        }
        guard let email = recipient.email, MailAddress.isPlausible(email) else {
            return .refused("agency \(recipient.agencyID) has no e-mail address that mail can be sent to")
        }
        let draft = draft(invoice, recipient, email)
        if let broken = draft.brokenLine {
            return .refused("\(broken) of the mail about invoice \(invoice.id) holds a control character")
        }
        let made = try await connection.execute(
            """
            INSERT INTO \(table.name) (\(table.id), \(table.account), \(table.agencyID)) VALUES ($1, $2, $3)
            ON CONFLICT DO NOTHING
            """, invoice.id, invoice.account, recipient.agencyID)
        // Somebody else was faster, and waited for here.
        guard made == 1 else {
            return try await recordedAccount(of: invoice, on: connection) ?? .refused("the notice was taken back")
        }
        if try await Outbox.enqueue(draft, on: connection) == nil {
            try await takeOver(draft.dedupeKey, invoice, on: connection)
        }
        return .done(before: JSONText("{}"), after: try await snapshot(of: invoice.id, on: connection))
    }

    private func draft(_ invoice: FinalizedInvoice, _ recipient: NoticeTable.Recipient, _ email: String) -> OutboxDraft
    {
        let mail = NoticeMail(invoice, agencyName: recipient.name)
        return OutboxDraft(
            channel: .email, dedupeKey: Self.dedupeKey(account: invoice.account, invoiceID: invoice.id),
            recipient: email, subject: mail.subject, text: mail.text, html: mail.html,
            sentMark: table.sentMark(ofInvoice: invoice.id),
            about: ["notice": invoice.id, "account": invoice.account])
    }

    /// A notice that is there already: done, unless it stands for another account.
    private func recordedAccount(
        of invoice: FinalizedInvoice, on connection: Connection
    ) async throws -> EffectOutcome? {
        let rows = try await connection.query(
            "SELECT \(table.account)::text AS account FROM \(table.name) WHERE \(table.id) = $1", invoice.id)
        guard let row = rows.first else { return nil }
        let account: String? = try row["account"]
        guard let account, account != invoice.account else { return .alreadyDone }
        return .refused("the notice of invoice \(invoice.id) is recorded for account \(account)")
    }

    /// The outbox had this mail before, and the notice's row was taken away since. It is not sent again; the row says
    /// when it was.
    private func takeOver(_ key: String, _ invoice: FinalizedInvoice, on connection: Connection) async throws {
        try await connection.execute(
            """
            UPDATE \(table.name) SET \(table.sentAt) = (SELECT sent_at FROM trueup.outbox WHERE dedupe_key = $2)
            WHERE \(table.id) = $1
            """, invoice.id, key)
    }

    private func snapshot(of id: String, on connection: Connection) async throws -> JSONText {
        try await connection.query(
            "SELECT jsonb_build_object('notice', to_jsonb(n)) AS after FROM \(table.name) n WHERE n.\(table.id) = $1",
            id)[0]["after"]
    }
}
