import Credits
import PostgreSQL
import Runner
import Sandbox
import Stripe

// What could be wrong with the live side, done wrong on purpose: by the database's own means, or by code of the tests
// in place of the product's. A torture that does not notice is worth nothing.
extension Habits {
    static let planted: [Habits] = tables + handlers + callers + charging + telling

    init(_ name: String, sabotage: String = "", _ change: (inout Habits) -> Void = { _ in }) {
        self.name = name
        self.sabotage = sabotage
        change(&self)
    }

    /// A trigger that changes what is written.
    static func trigger(_ table: String, _ event: String, _ body: String) -> String {
        """
        CREATE FUNCTION planted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \(body) END $$;
        CREATE TRIGGER planted BEFORE \(event) ON \(table) FOR EACH ROW EXECUTE FUNCTION planted();
        """
    }

    private static let orders = "task_credit_stripe_invoice"
    private static let balance = "task_credit_agency_balance"

    private static let tables: [Habits] = [
        Habits(
            "a grant is marked and not added",
            sabotage: trigger(
                balance, "UPDATE",
                "IF NEW.balance > OLD.balance THEN NEW.balance := OLD.balance; END IF; RETURN NEW;")),
        Habits(
            "a grant is added twice",
            sabotage: trigger(
                balance, "UPDATE",
                "IF NEW.balance > OLD.balance THEN NEW.balance := 2 * NEW.balance - OLD.balance; END IF; RETURN NEW;")),
        Habits(
            "a grant is added and not marked",
            sabotage: trigger(orders, "UPDATE", "NEW.paid := false; NEW.paid_at := NULL; RETURN NEW;")),
        Habits(
            "the wrong agency gets the credits",
            sabotage: trigger(balance, "INSERT", "NEW.agency_id := NEW.agency_id + 100; RETURN NEW;")),
        Habits(
            "the link to the invoice is lost",
            sabotage: trigger(
                orders, "UPDATE", "NEW.stripe_invoice_id := NULL; RETURN NEW;")),
        Habits(
            "a cancelled order stays open",
            sabotage: trigger(
                orders, "UPDATE", "NEW.cancelled_at := NULL; RETURN NEW;")),
        Habits(
            "a paid order is cancelled as well",
            sabotage: trigger(
                orders, "UPDATE", "IF NEW.paid THEN NEW.cancelled_at := now(); END IF; RETURN NEW;")),
        Habits(
            "the caller's keys are forgotten",
            sabotage: trigger(
                "trueup.client_request", "INSERT", "NEW.key_hash := sha256(random()::text::bytea); RETURN NEW;")),
        Habits(
            "the row says another price than the invoice",
            sabotage: trigger(
                orders, "UPDATE", "IF NEW.stripe_invoice_id IS NOT NULL THEN NEW.amount_cents := 1; END IF; RETURN NEW;"
            )),
        Habits("reservations vanish", sabotage: trigger("task_credit_reservation", "INSERT", "RETURN NULL;")),
        Habits(
            "the address of the invoice is lost",
            sabotage: trigger(
                orders, "UPDATE", "NEW.hosted_invoice_url := NULL; RETURN NEW;")),
    ]

    /// The row that an event is about, by the invoice's id.
    private static func order(_ delivery: Delivery, on connection: Connection) async throws -> Row? {
        try await connection.query(
            "SELECT id, agency_id, credits, paid FROM task_credit_stripe_invoice WHERE stripe_invoice_id = $1",
            delivery.objectID
        ).first
    }

    private static func add(_ row: Row, on connection: Connection) async throws {
        try await connection.execute(
            """
            INSERT INTO task_credit_agency_balance AS b (agency_id, balance) VALUES ($1, $2)
            ON CONFLICT (agency_id) DO UPDATE SET balance = b.balance + excluded.balance
            """, try row["agency_id"] as Int64, try row["credits"] as Int64)
    }

    private static func mark(_ row: Row, on connection: Connection) async throws {
        try await connection.execute(
            "UPDATE task_credit_stripe_invoice SET paid = true, paid_at = now() WHERE id = $1",
            try row["id"] as Int64)
    }

    /// A handler of credits that is wrong, where the other account's is as it should be.
    private static func handling(
        _ name: String, _ types: [String] = ["invoice.paid"],
        _ handle: @escaping @Sendable (Torture, Delivery, _ crashes: Bool) async throws -> Void
    ) -> Habits {
        Habits(name) {
            $0.deliver = { torture, delivery, crashes in
                guard delivery.account == "task_health" else {
                    return try await Torture.deliver(torture, delivery, crashes: crashes)
                }
                if types.contains(delivery.type) { try await handle(torture, delivery, crashes) }
            }
        }
    }

    private static let handlers: [Habits] = [
        handling("a webhook grants without a look at the row") { torture, delivery, _ in
            try await torture.town.pool.transaction { connection in
                guard let row = try await order(delivery, on: connection) else { return }
                try await mark(row, on: connection)
                try await add(row, on: connection)
            }
        },
        handling("a webhook commits the credits before the mark") { torture, delivery, crashes in
            try await torture.town.pool.withConnection { connection in
                guard let row = try await order(delivery, on: connection), try !row["paid"] else { return }
                try await add(row, on: connection)
                if crashes { throw Crash() }
                try await mark(row, on: connection)
            }
        },
        handling("a webhook commits the mark before the credits") { torture, delivery, crashes in
            try await torture.town.pool.withConnection { connection in
                guard let row = try await order(delivery, on: connection), try !row["paid"] else { return }
                try await mark(row, on: connection)
                if crashes { throw Crash() }
                try await add(row, on: connection)
            }
        },
        handling("a finalized invoice counts as a paid one", ["invoice.finalized", "invoice.paid"]) {
            torture, delivery, _ in
            try await torture.town.pool.transaction { connection in
                guard let row = try await order(delivery, on: connection), try !row["paid"] else { return }
                try await mark(row, on: connection)
                try await add(row, on: connection)
            }
        },
        handling("an old event undoes a newer one", Delivery.types) { torture, delivery, crashes in
            if delivery.type.hasPrefix("invoice."), try delivery.invoice().status == .open {
                _ = try await torture.town.query(
                    "UPDATE task_credit_stripe_invoice SET paid = false WHERE stripe_invoice_id = $1",
                    delivery.objectID)
            }
            try await Torture.deliver(torture, delivery, crashes: crashes)
        },
        Habits("nobody looks for lost webhooks") { $0.reconciles = false },
        Habits("an order without an invoice is let go of without asking Stripe") {
            $0.night = { torture, job in
                _ = try await torture.town.query(
                    """
                    UPDATE task_credit_stripe_invoice SET cancelled_at = now()
                    WHERE stripe_invoice_id IS NULL AND cancelled_at IS NULL
                        AND extract(epoch FROM created_at) < $1::bigint - 7 * 86400
                    """, torture.town.server.clock.nowSeconds)
                try await torture.town.run(job)
            }
        },
    ]

    private static let callers: [Habits] = [
        Habits("a client that got no answer asks under a new key") {
            $0.place = { torture, order, key, cut in
                let known = torture.wishes.count
                try await Torture.place(torture, order, key, cut)
                if cut != nil { try await Torture.place(torture, order, "\(key) again \(known)", nil) }
            }
        },
        Habits("a draft is made again without a look for the first") {
            $0.place = { torture, order, key, _ in
                let client = torture.town.client()
                try await Torture.place(torture, order, key, .row)
                let rows = try await torture.town.query(
                    "SELECT id FROM task_credit_stripe_invoice WHERE stripe_invoice_id IS NULL AND agency_id = $1",
                    order.agencyID)
                guard let row = rows.first, let customer = torture.town.customers[order.agencyID] else { return }
                let id: Int64 = try row["id"]
                let metadata = [("order_id", "\(id)"), ("agency_id", "\(order.agencyID)")]
                for _ in 0..<2 {
                    let draft = InvoiceDraft(customer: customer, metadata: metadata)
                    guard let made = try? await client.createInvoice(draft).value else { continue }
                    _ = try? await client.finalizeInvoice(made.id)
                }
            }
        },
        Habits("a row is cancelled before its invoice, and then nothing") {
            $0.cancel = { torture, order, _, _ in
                _ = try await torture.town.query(
                    "UPDATE task_credit_stripe_invoice SET cancelled_at = now() WHERE id = $1 AND NOT paid", order)
            }
        },
        Habits("an invoice is voided, and its paid order taken back") {
            $0.cancel = { torture, order, agency, _ in
                try await Torture.cancel(torture, order, agency, nil)
                _ = try await torture.town.query(
                    "UPDATE task_credit_stripe_invoice SET paid = false, cancelled_at = now() WHERE id = $1", order)
            }
        },
        Habits("credits are taken from a balance that was read before") {
            $0.reserve = { torture, agency, credits in
                let before = try await torture.town.balances()[agency] ?? 0
                // Somebody pays meanwhile, and the night's run grants it.
                let open = try torture.town.world().allInvoices().filter { $0.status == .open }
                for invoice in open { try torture.town.world().pay(invoice.id) }
                try await torture.town.run()
                guard before >= credits else { return }
                try await torture.town.pool.transaction { connection in
                    try await connection.execute(
                        "UPDATE task_credit_agency_balance SET balance = $2 WHERE agency_id = $1", agency,
                        before - credits)
                    try await connection.execute(
                        "INSERT INTO task_credit_reservation (agency_id, credits) VALUES ($1, $2)", agency, credits)
                }
            }
        },
    ]
}
