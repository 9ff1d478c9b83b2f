/// A row of `stripe_customer_patient_assoc`.
public struct PatientCustomer: Sendable, Hashable {
    /// The customer on the account, which is the primary key.
    public var stripeCustomerID: String
    /// The patient who pays.
    public var patientID: Int64
    /// The agency that cares for the patient.
    public var agencyID: Int64
}

/// One payment of a ``PatientHistory``.
public struct PatientPayment: Sendable {
    /// The place in the history.
    public var index: Int
    /// What was planted here.
    public var plant: PatientPlant?
    /// The payment intent as Stripe has it.
    public var intent: SandboxPaymentIntent
}

/// The local side of the history.
extension PatientHistory {
    /// All payments, made as they are asked for.
    public var payments: LazyMapCollection<Range<Int>, PatientPayment> {
        let history = self
        return (0..<count).lazy.map { index in
            PatientPayment(
                index: index, plant: history.plant(at: index),
                intent: SandboxPaymentIntent(history.intent(Int64(index)), space: history.space))
        }
    }

    /// The rows of `stripe_customer_patient_assoc`.
    public var customers: some Sequence<PatientCustomer> {
        let history = self
        return (0..<Int64(patientCount)).lazy.map { number in
            let customer = history.firstPatient + number
            let hash = scrambled(history.seed ^ 0x9A7E ^ UInt64(bitPattern: customer))
            return PatientCustomer(
                stripeCustomerID: history.space.text(.customer, customer, createdSeconds: 0),
                patientID: history.patientID(customer), agencyID: 1 + Int64(hash % UInt64(history.agencyCount)))
        }
    }

    /// The agencies, by id: those of a ``CreditHistory`` of the same seed and as many.
    public var agencies: [CreditAgency] { CreditAgency.all(seed: seed, count: agencyCount) }

    /// The ids of the planted payment intents, by what they were planted for.
    public var plantedIDs: [PatientPlant: [String]] {
        var ids: [PatientPlant: [String]] = [:]
        for index in plantedIndices {
            guard let plant = plant(at: index) else { continue }
            ids[plant, default: []].append(paymentIntentID(at: index))
        }
        return ids
    }

    /// The id of the payment intent at `index`.
    public func paymentIntentID(at index: Int) -> String {
        space.text(.intent, Int64(index), createdSeconds: timeline.seconds(at: Int64(index)))
    }

    /// The notices that were recorded: one for each finalized invoice, but for the missed ones.
    public var notices: some Sequence<AgencyNotice> { billing.notices }

    /// The ids of the finalized invoices without a notice, in order of creation.
    public var unnoticedInvoiceIDs: [String] { billing.unnoticedIDs }

    /// What an expiry of the account has to remove.
    public var expectedExpiry: ExpectedExpiry {
        let intents = (0..<count).filter {
            intent(Int64($0)).isExpirable(nowSeconds: nowSeconds, staleAfterSeconds: staleAfterSeconds)
        }
        return ExpectedExpiry(
            draftIDs: billing.staleDraftIDs(staleAfterSeconds: staleAfterSeconds),
            intentIDs: intents.map(paymentIntentID))
    }
}
