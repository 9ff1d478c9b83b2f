/// One place in an ``AgencyHistory``: what Stripe has and what the local tables have.
public struct AgencyCharge: Sendable {
    /// The place in the history.
    public var index: Int
    /// The id of the local row that it would have.
    public var chargeID: Int64
    /// The id of the agency.
    public var agencyID: Int64
    /// The amount in minor units, as it was agreed.
    public var amountCents: Int64
    /// When it was made, in Unix seconds.
    public var createdSeconds: Int64
    /// What was planted here.
    public var plant: ChargePlant?
    /// `nil` where Stripe knows none.
    public var intent: SandboxPaymentIntent?
    /// The local row; `nil` where the tables have none.
    public var row: AgencyChargeRow?
}

/// A row of `agency_charge`.
public struct AgencyChargeRow: Sendable, Hashable {
    /// The primary key.
    public var id: Int64
    /// The id of the agency.
    public var agencyID: Int64
    /// `sms_boost`, `recruitment_fee` or `job_posting`.
    public var purpose: String
    /// The id of the payment intent.
    public var stripePaymentIntentID: String?
    /// The amount in minor units.
    public var amountCents: Int64
    /// ISO code in lower case.
    public var currency: String
    /// What the charge is for, in words.
    public var description: String
    /// `pending`, `succeeded`, `failed` or `canceled`.
    public var status: String
    /// When it was made, in Unix seconds.
    public var createdSeconds: Int64
    /// When the money arrived, in Unix seconds.
    public var succeededSeconds: Int64?
}

/// The local side of the history.
extension AgencyHistory {
    /// All places, made as they are asked for.
    public var charges: LazyMapCollection<Range<Int>, AgencyCharge> {
        let history = self
        return (0..<count).lazy.map { history.charge(at: $0) }
    }

    /// The rows of `agency_charge`, made as they are asked for, ordered by id.
    public var localRows: some Sequence<AgencyChargeRow> {
        let history = self
        return (0..<count).lazy.compactMap { history.row(at: $0) }
    }

    /// The agencies, by id: those of a ``CreditHistory`` of the same seed and as many.
    public var agencies: [CreditAgency] { CreditAgency.all(seed: seed, count: agencyCount) }

    /// The customer that an agency has on this account.
    public func customerID(ofAgency id: Int64) -> String { space.text(.customer, id, createdSeconds: 0) }

    /// The id that the payment intent at `index` has, or would have, in Stripe.
    public func paymentIntentID(at index: Int) -> String {
        space.text(.intent, Int64(index), createdSeconds: timeline.seconds(at: Int64(index)))
    }

    /// The payment intent at `index` as Stripe has it; `nil` where there is none.
    public func stripeIntent(at index: Int) -> SandboxPaymentIntent? {
        guard hasIntent(Int64(index)) else { return nil }
        return SandboxPaymentIntent(intent(Int64(index)), space: space)
    }

    /// The place at `index`, in constant time.
    public func charge(at index: Int) -> AgencyCharge {
        let basics = basics(index)
        return AgencyCharge(
            index: index, chargeID: chargeID(index), agencyID: basics.agency, amountCents: basics.amount,
            createdSeconds: timeline.seconds(at: Int64(index)), plant: plant(at: index),
            intent: stripeIntent(at: index), row: row(at: index))
    }

    private func local(_ index: Int) -> ChargePlant.Local {
        planting(index).map { $0.plant.local($0.number) } ?? natural(index).local
    }

    /// The local row at `index`; `nil` where the tables have none.
    public func row(at index: Int) -> AgencyChargeRow? {
        let local = local(index)
        guard local != .absent else { return nil }
        let basics = basics(index)
        let record = intent(Int64(index))
        let status =
            switch local {
            case .succeeded: "succeeded"
            case .failed: "failed"
            case .canceled: "canceled"
            default: "pending"
            }
        let guess = min(record.createdSeconds + 60, nowSeconds - 60)
        return AgencyChargeRow(
            id: chargeID(index), agencyID: basics.agency, purpose: basics.purpose.name,
            stripePaymentIntentID: local == .unlinked ? nil : paymentIntentID(at: index), amountCents: basics.amount,
            currency: "usd", description: basics.purpose.words, status: status,
            createdSeconds: record.createdSeconds - Int64(record.hash & 1),
            succeededSeconds: local == .succeeded ? record.succeededSeconds ?? guess : nil)
    }
}
