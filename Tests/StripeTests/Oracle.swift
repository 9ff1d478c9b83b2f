import Stripe

extension OracleObject {
    private var orderMetadata: OrderMetadata {
        let metadata = object("metadata")
        return OrderMetadata(
            orderID: metadata.text("order_id"), agencyID: metadata.text("agency_id"),
            agencyMemberID: metadata.text("agency_member_id"), chargeID: metadata.text("charge_id"))
    }

    var invoice: Invoice {
        let transitions = object("status_transitions")
        let payment = object("payments").list.first?.object("payment")
        let isPaidOutOfBand = flag("paid_out_of_band") ?? false
        return Invoice(
            id: text("id") ?? "", createdSeconds: integer("created") ?? 0, livemode: flag("livemode") ?? false,
            status: InvoiceStatus(text("status") ?? ""), currency: text("currency") ?? "",
            total: integer("total") ?? 0, amountDue: integer("amount_due") ?? 0,
            amountPaid: integer("amount_paid") ?? 0,
            amountPaidElsewhere: integer(isPaidOutOfBand ? "amount_paid" : "amount_paid_off_stripe") ?? 0,
            amountRemaining: integer("amount_remaining") ?? 0,
            prePaymentCreditNotesAmount: integer("pre_payment_credit_notes_amount") ?? 0,
            postPaymentCreditNotesAmount: integer("post_payment_credit_notes_amount") ?? 0,
            customer: reference("customer"), dueDateSeconds: integer("due_date"), autoAdvance: flag("auto_advance"),
            collectionMethod: text("collection_method"), billingReason: text("billing_reason"),
            subscription: reference("subscription")
                ?? object("parent").object("subscription_details").reference("subscription"),
            number: text("number"), hostedInvoiceURL: text("hosted_invoice_url"),
            paymentIntent: reference("payment_intent") ?? payment?.reference("payment_intent"),
            charge: reference("charge") ?? payment?.reference("charge"),
            finalizedSeconds: transitions.integer("finalized_at"), paidSeconds: transitions.integer("paid_at"),
            voidedSeconds: transitions.integer("voided_at"),
            markedUncollectibleSeconds: transitions.integer("marked_uncollectible_at"), metadata: orderMetadata)
    }

    var paymentIntent: PaymentIntent {
        let error = object("last_payment_error")
        let failure = PaymentFailure(
            code: error.text("code"), declineCode: error.text("decline_code"), message: error.text("message"))
        return PaymentIntent(
            id: text("id") ?? "", createdSeconds: integer("created") ?? 0, livemode: flag("livemode") ?? false,
            status: PaymentIntentStatus(text("status") ?? ""), currency: text("currency") ?? "",
            amount: integer("amount") ?? 0, amountReceived: integer("amount_received") ?? 0,
            customer: reference("customer"), invoice: reference("invoice"), canceledSeconds: integer("canceled_at"),
            cancellationReason: text("cancellation_reason"), latestCharge: reference("latest_charge"),
            lastPaymentError: error.members.isEmpty ? nil : failure, description: text("description"),
            metadata: orderMetadata)
    }

    var event: Event {
        let subject = object("data").object("object")
        let request = object("request")
        return Event(
            id: text("id") ?? "", type: text("type") ?? "", createdSeconds: integer("created") ?? 0,
            livemode: flag("livemode") ?? false, apiVersion: text("api_version"),
            pendingWebhooks: integer("pending_webhooks") ?? 0, objectID: subject.text("id"),
            objectType: subject.text("object") ?? "", objectStatus: subject.text("status"),
            objectCreatedSeconds: subject.integer("created"), requestID: request.text("id"),
            idempotencyKey: request.text("idempotency_key"))
    }
}

extension OracleObject {
    var refund: Refund {
        Refund(
            id: text("id") ?? "", createdSeconds: integer("created") ?? 0, amount: integer("amount") ?? 0,
            currency: text("currency") ?? "", status: text("status").map { RefundStatus($0) },
            paymentIntent: reference("payment_intent"), charge: reference("charge"), reason: text("reason"))
    }

    var dispute: Dispute {
        Dispute(
            id: text("id") ?? "", createdSeconds: integer("created") ?? 0, livemode: flag("livemode") ?? false,
            amount: integer("amount") ?? 0, currency: text("currency") ?? "",
            status: DisputeStatus(text("status") ?? ""), paymentIntent: reference("payment_intent"),
            charge: reference("charge"), reason: text("reason"))
    }

    var creditNote: CreditNote {
        CreditNote(
            id: text("id") ?? "", createdSeconds: integer("created") ?? 0, livemode: flag("livemode") ?? false,
            amount: integer("amount") ?? 0, total: integer("total") ?? 0, currency: text("currency") ?? "",
            status: CreditNoteStatus(text("status") ?? ""), type: CreditNoteType(text("type") ?? ""),
            invoice: reference("invoice") ?? "", prePaymentAmount: integer("pre_payment_amount"),
            postPaymentAmount: integer("post_payment_amount"), reason: text("reason"))
    }

    var invoicePayment: InvoicePayment {
        let payment = object("payment")
        return InvoicePayment(
            id: text("id") ?? "", createdSeconds: integer("created") ?? 0, livemode: flag("livemode") ?? false,
            status: InvoicePaymentStatus(text("status") ?? ""), currency: text("currency") ?? "",
            amountRequested: integer("amount_requested") ?? 0, amountPaid: integer("amount_paid"),
            invoice: reference("invoice") ?? "", paymentType: payment.text("type") ?? "",
            paymentIntent: payment.reference("payment_intent"), charge: payment.reference("charge"))
    }

    var charge: Charge {
        Charge(
            id: text("id") ?? "", createdSeconds: integer("created") ?? 0, livemode: flag("livemode") ?? false,
            status: Charge.Status(text("status") ?? ""), currency: text("currency") ?? "",
            amount: integer("amount") ?? 0, amountRefunded: integer("amount_refunded") ?? 0,
            paid: flag("paid") ?? false, refunded: flag("refunded") ?? false, disputed: flag("disputed") ?? false,
            customer: reference("customer"), paymentIntent: reference("payment_intent"), invoice: reference("invoice"))
    }
}
