import PostgreSQL
import Runner
import Sandbox
import Stripe

// Orders, and the credits that they bring.
extension Torture {
    func wish() async throws {
        let agency = pick(Town.agencies) ?? 1
        let order = NewCreditOrder(agencyID: agency, memberID: agency * 10, optionID: Int64(1 + draw(3)))
        let key = with { state in
            let key = "key \(state.wishes.count)"
            state.wishes[key] = order
            return key
        }
        if oneIn(4) {
            // A client that does not wait for the answer.
            async let one: Void = habits.place(self, order, key, nil)
            async let two: Void = habits.place(self, order, key, nil)
            _ = try await (one, two)
        } else {
            try await habits.place(self, order, key, oneIn(2) ? pick(OrderStep.allCases) : nil)
        }
    }

    /// A client asks again for what it has no answer to, or has one already.
    func again() async throws {
        if oneIn(3), let (key, charge) = pick(with { $0.charges.sorted { $0.key < $1.key } }) {
            return try await habits.charge(self, charge, key, nil)
        }
        guard let (key, order) = pick(with { $0.wishes.sorted { $0.key < $1.key } }) else { return }
        try await habits.place(self, order, key, nil)
    }

    /// Somebody at the desk writes the invoice of an order that never got one, right before the night: a list of what
    /// was made until a while ago does not show it.
    func writeByHand() async throws {
        let rows = try await town.query(
            """
            SELECT id, agency_id, amount_cents FROM task_credit_stripe_invoice
            WHERE stripe_invoice_id IS NULL AND cancelled_at IS NULL ORDER BY id
            """)
        for row in rows {
            let order: Int64 = try row["id"]
            guard oneIn(2), try town.invoices(ofOrder: order).isEmpty,
                let customer = town.customers[try row["agency_id"]]
            else { continue }
            let world = try town.world()
            let metadata = ["order_id": String(order), "agency_id": String(try row["agency_id"] as Int64)]
            let invoice = try world.insert(
                SandboxInvoiceDraft(
                    amount: try row["amount_cents"], customerID: customer, metadata: metadata, daysUntilDue: 30))
            try world.finalize(invoice)
            with { _ = $0.byHand.insert(invoice) }
            log("written by hand: \(invoice) for order \(order)")
            if oneIn(2) { try world.pay(invoice) }
        }
    }

    func takeBack() async throws {
        let rows = try await town.query("SELECT id, agency_id FROM task_credit_stripe_invoice ORDER BY id")
        let orders: [(Int64, Int64)] = try rows.map { (try $0["id"], try $0["agency_id"]) }
        guard let (order, agency) = pick(orders) else { return }
        try await habits.cancel(self, order, agency, oneIn(3) ? pick([.looked, .voided]) : nil)
    }

    func use() async throws {
        guard let agency = pick(Town.agencies) else { return }
        if oneIn(4) {
            try await release(agency)
        } else {
            try await habits.reserve(self, agency, Int64(1 + draw(3)))
        }
    }

    func answer(_ order: Int64) { with { _ = $0.answered.insert(order) } }
    func isAnswered(_ order: Int64) -> Bool { with { $0.answered.contains(order) } }
    var wishes: [String: NewCreditOrder] { with { $0.wishes } }

    /// What a crash or a failing Stripe left unmailed is mailed, as the service does by and by.
    func mailRest() async throws {
        let ordering = town.ordering(attempts: 12)
        let waiting = "SELECT count(*) FROM trueup.invoice_mail WHERE state = 'waiting'"
        for _ in 0..<20 where try await town.number(waiting) > 0 {
            try await town.ageMails(bySeconds: 3_600)
            try await ordering.mailWaiting()
        }
    }
}

// What the live side does as it should.
extension Torture {
    static func place(_ torture: Torture, _ order: NewCreditOrder, _ key: String, _ cut: OrderStep?) async throws {
        let ordering = torture.town.ordering(attempts: 1 + torture.draw(3)) { if $0 == cut { throw Crash() } }
        do {
            let placed = try await ordering.place(order, idempotencyKey: key)
            torture.log("placed \(key): order \(placed.orderID) \(placed.state)")
            torture.answer(placed.orderID)
        } catch is Crash {
            torture.log("cut off \(key) after \(cut?.rawValue ?? "")")
        } catch let error as StripeError {
            torture.log("failed \(key): \(error)")
        }
    }

    static func cancel(_ torture: Torture, _ order: Int64, _ agency: Int64, _ cut: OrderStep?) async throws {
        let ordering = torture.town.ordering(attempts: 1 + torture.draw(3)) { step in
            guard step == cut else { return }
            // Between the look and the voiding a customer may pay.
            guard step == .looked else { throw Crash() }
            let open = try torture.town.invoices(ofOrder: order).filter { $0.status == .open }
            for invoice in open { try torture.town.world().pay(invoice.id) }
        }
        do {
            let state = try await ordering.cancel(orderID: order, agencyID: agency).state
            torture.log("cancelled order \(order): \(state)")
        } catch is Crash {
            torture.log("cut off the cancelling of order \(order)")
        } catch let error as StripeError {
            torture.log("failed to cancel order \(order): \(error)")
        } catch OrderingError.alreadyPaid {
            torture.log("order \(order) is paid and stays")
        }
    }

    /// The application takes credits that are there.
    static func reserve(_ torture: Torture, _ agency: Int64, _ credits: Int64) async throws {
        try await torture.town.pool.transaction { connection in
            let taken = try await connection.execute(
                "UPDATE task_credit_agency_balance SET balance = balance - $2 WHERE agency_id = $1 AND balance >= $2",
                agency, credits)
            guard taken == 1 else { return }
            try await connection.execute(
                "INSERT INTO task_credit_reservation (agency_id, task_instance_id, credits) VALUES ($1, 1, $2)", agency,
                credits)
        }
    }

    private func release(_ agency: Int64) async throws {
        try await town.pool.transaction { connection in
            let rows = try await connection.query(
                """
                UPDATE task_credit_reservation SET released_at = now() WHERE id = (SELECT id
                    FROM task_credit_reservation WHERE agency_id = $1 AND released_at IS NULL ORDER BY id LIMIT 1)
                RETURNING credits
                """, agency)
            guard let row = rows.first else { return }
            try await connection.execute(
                "UPDATE task_credit_agency_balance SET balance = balance + $2 WHERE agency_id = $1", agency,
                try row["credits"] as Int64)
        }
    }
}
