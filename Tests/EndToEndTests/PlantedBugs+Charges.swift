import PostgreSQL
import Runner
import Sandbox
import Store
import Stripe

// The same for charges of agencies and for what agencies are told.
extension Habits {
    private static let charges = "agency_charge"

    /// A handler of Medflyt's webhooks that is wrong, where the other account's is as it should be.
    private static func handling(
        _ name: String, _ types: [String],
        _ handle: @escaping @Sendable (Torture, Delivery) async throws -> Void
    ) -> Habits {
        Habits(name) {
            $0.deliver = { torture, delivery, crashes in
                guard delivery.account == "medflyt", types.contains(delivery.type) else {
                    return try await Torture.deliver(torture, delivery, crashes: crashes)
                }
                try await handle(torture, delivery)
            }
        }
    }

    static let charging: [Habits] = [
        Habits(
            "a charge that succeeded is not marked",
            sabotage: trigger(
                charges, "UPDATE",
                "IF NEW.status = 'succeeded' THEN NEW.status := OLD.status; NEW.succeeded_at := NULL; END IF; "
                    + "RETURN NEW;")),
        Habits(
            "a charge that succeeded does not say when",
            sabotage: trigger(charges, "UPDATE", "NEW.succeeded_at := NULL; RETURN NEW;")),
        Habits(
            "the link to the payment is lost",
            sabotage: trigger(charges, "UPDATE", "NEW.stripe_payment_intent_id := NULL; RETURN NEW;")),
        Habits(
            "a decline counts as a success",
            sabotage: trigger(
                charges, "UPDATE",
                "IF NEW.status = 'failed' THEN NEW.status := 'succeeded'; NEW.succeeded_at := now(); END IF; "
                    + "RETURN NEW;")),
        Habits(
            "the row says another amount than was taken",
            sabotage: trigger(charges, "UPDATE", "NEW.amount_cents := NEW.amount_cents + 1; RETURN NEW;")),
        Habits("a client that got no answer charges under a new key") {
            $0.charge = { torture, charge, key, cut in
                let known = torture.charges.count
                try await Torture.charge(torture, charge, key, cut)
                if cut != nil { try await Torture.charge(torture, charge, "\(key) again \(known)", nil) }
            }
        },
        Habits("money is taken again without a look for the first payment") {
            $0.charge = { torture, charge, key, cut in
                try await Torture.charge(torture, charge, key, cut)
                let rows = try await torture.town.query(
                    "SELECT id FROM agency_charge WHERE status = 'pending' AND agency_id = $1", charge.agencyID)
                guard let row = rows.first, let customer = torture.town.payers[charge.agencyID] else { return }
                let id: Int64 = try row["id"]
                let client = torture.town.client("medflyt")
                guard let method = try? await client.customer(customer).value.defaultPaymentMethod else { return }
                let draft = PaymentDraft(
                    customer: customer, paymentMethod: method, amount: charge.amount, description: charge.description,
                    metadata: [("charge_id", "\(id)"), ("agency_id", "\(charge.agencyID)")])
                for _ in 0..<2 { _ = try? await client.createPayment(draft) }
            }
        },
        handling("a payment that failed is taken again by another", ["payment_intent.payment_failed"]) {
            torture, delivery in
            let rows = try await torture.town.query(
                "SELECT id, agency_id, amount_cents FROM agency_charge WHERE stripe_payment_intent_id = $1",
                delivery.objectID)
            guard let row = rows.first, let customer = torture.town.payers[try row["agency_id"]] else { return }
            let id: Int64 = try row["id"]
            let draft = PaymentDraft(
                customer: customer, paymentMethod: "pm_card_visa", amount: try row["amount_cents"],
                metadata: [("charge_id", "\(id)")])
            _ = try? await torture.town.client("medflyt").createPayment(draft)
        },
        handling("a payment that was given up counts as money", ["payment_intent.canceled"]) {
            torture, delivery in
            _ = try await torture.town.query(
                "UPDATE agency_charge SET status = 'succeeded' WHERE stripe_payment_intent_id = $1", delivery.objectID)
        },
    ]

    static let telling: [Habits] = [
        Habits("a notice is recorded and never mailed", sabotage: trigger("trueup.outbox", "INSERT", "RETURN NULL;")),
        Habits(
            "a mail leaves without its notice", sabotage: trigger("agency_invoice_notice", "INSERT", "RETURN NULL;")),
        handling("every finalized event is a mail of its own", ["invoice.finalized"]) { torture, delivery in
            let invoice = try delivery.invoice()
            try await torture.town.pool.transaction { connection in
                try await connection.execute(
                    """
                    INSERT INTO agency_invoice_notice (stripe_invoice_id, account, agency_id) VALUES ($1, 'medflyt', 1)
                    ON CONFLICT DO NOTHING
                    """, invoice.id)
                let key = "notice/\(delivery.eventID)/\(try await serial(connection))"
                _ = try await Outbox.enqueue(
                    OutboxDraft(
                        channel: .email, dedupeKey: key, recipient: "a@example.com", subject: "Invoice",
                        text: "Invoice", about: ["notice": invoice.id]), on: connection)
            }
        },
        Habits(
            "the mail of an order's invoice is forgotten",
            sabotage: trigger(
                "trueup.invoice_mail", "INSERT", "NEW.state := 'sent'; NEW.ended_at := now(); RETURN NEW;")),
        Habits(
            "an attempt to mail an order's invoice that got no answer is repeated under another key",
            sabotage: trigger(
                "trueup.invoice_mail", "UPDATE",
                """
                IF NEW.state = 'waiting' AND NEW.first_attempt_at IS NOT NULL
                    AND NEW.last_error IS DISTINCT FROM OLD.last_error
                THEN
                    NEW.idempotency_key := OLD.idempotency_key || '+';
                    NEW.is_key_used_up := false;
                    NEW.first_attempt_at := NULL;
                    NEW.last_attempt_at := NULL;
                END IF;
                RETURN NEW;
                """)),
    ]

    private static func serial(_ connection: Connection) async throws -> Int64 {
        try await connection.query("SELECT (random() * 1000000000)::bigint AS serial")[0]["serial"]
    }
}
