/// The Stripe side of the history.
extension AgencyHistory: GeneratedHistory {
    private static let day: Int64 = 86_400

    /// What a charge is about.
    struct Basics {
        var agency: Int64
        var amount: Int64
        var purpose: (name: String, words: String)
    }

    private static let purposes: [(name: String, words: String)] = [
        ("sms_boost", "SMS boost"), ("recruitment_fee", "Recruitment fee"), ("job_posting", "Job posting"),
    ]
    /// From the least that may be charged, in cents.
    private static let amounts: [Int64] = [50, 499, 2_500, 2_500, 4_900, 12_000, 49_900, 250_000]

    func basics(_ index: Int) -> Basics {
        var draw = SeededDraw(seed: seed, 0xBA51C, UInt64(index))
        let agency = 1 + min(draw.below(Int64(agencyCount)), draw.below(Int64(agencyCount)))
        return Basics(agency: agency, amount: draw.pick(Self.amounts), purpose: draw.pick(Self.purposes))
    }

    func chargeID(_ index: Int) -> Int64 { 700_001 + Int64(index) }

    var finalizeDelaySeconds: Int64 { AgencyInvoices.finalizeDelaySeconds }
    var longestLifeSeconds: Int64 { 40 * Self.day }
    var longLivedInvoices: [Int64] { [] }
    var longLivedIntents: [Int64] { plantedIndices.map(Int64.init) }
    var intentCount: Int64 { Int64(count) }
    func intentCreatedSeconds(_ index: Int64) -> Int64 { timeline.seconds(at: index) }
    func hasIntent(_ index: Int64) -> Bool { fate(Int(index)) != .never }
    var customerCount: Int64 { Int64(agencyCount) + 1 }

    /// The customer of an agency has its id as index; number 0 belongs to nobody.
    func customer(_ index: Int64) -> CustomerRecord {
        let hash = scrambled(seed ^ 0xA6E7 ^ UInt64(bitPattern: index))
        var customer = CustomerRecord(
            index: index, createdSeconds: nowSeconds - Self.lengthSeconds - Self.day * (1 + Int64(hash & 31)),
            hash: hash)
        customer.name = index == 0 ? "Walk-in customer" : CreditAgency.name(index, seed: seed)
        customer.email = index == 0 ? "walkin@example.com" : CreditAgency.email(index)
        return customer
    }

    /// Of the deviations that a lost webhook explains, every other one is still listed as undelivered; the others were
    /// answered 2xx and then failed.
    func isUndelivered(intent index: Int64) -> Bool {
        guard let planting = planting(Int(index)) else { return false }
        switch planting.plant {
        case .succeededPending, .succeededPendingOld, .succeededFailed, .canceledPending, .canceledPendingOld,
            .declinedPending:
            return planting.number.isMultiple(of: 2)
        default: return false
        }
    }

    func isUndelivered(invoice index: Int64) -> Bool { false }

    func fate(_ index: Int) -> IntentFate { planting(index)?.plant.fate ?? natural(index).fate }

    /// What an unplanted charge is: both sides agree, in the proportions of a business that goes well.
    func natural(_ index: Int) -> (fate: IntentFate, local: ChargePlant.Local) {
        var draw = SeededDraw(seed: seed, 0x4A8, UInt64(index))
        let age = nowSeconds - timeline.seconds(at: Int64(index))
        let isYoung = age < staleAfterSeconds - Self.day
        switch draw.below(1_000) {
        case 0..<90: return (.declined, .failed)
        case 90..<140: return (.canceled, .canceled)
        case 140..<240 where isYoung: return (.open, .pending)
        case 240..<300 where age < 3 * Self.day: return (.processing, .pending)
        case 300..<340 where isYoung: return (.action, .pending)
        case 340..<400: return (.retried, .succeeded)
        default: return (.succeeded, .succeeded)
        }
    }

    func intent(_ index: Int64) -> IntentRecord {
        let place = Int(index)
        let basics = basics(place)
        var draw = SeededDraw(seed: seed, 0x1A7E, UInt64(bitPattern: index))
        var record = IntentRecord(
            kind: .intent, index: index, hash: draw.next(), createdSeconds: timeline.seconds(at: index),
            amount: basics.amount, customer: basics.agency)
        record.description = basics.purpose.words
        record.metadata = [("agency_id", String(basics.agency)), ("charge_id", String(chargeID(place)))]
        record.isBankTransfer = draw.below(4) == 0
        let planting = planting(place)
        if let planting { apply(planting, basics, to: &record) }
        let fate = fate(place)
        let isLate = planting.map { $0.plant.endsLate && $0.plant.age($0.number) == .old } ?? false
        record.run(
            fate, endSeconds: record.endSeconds(fate, isLate: isLate, nowSeconds: nowSeconds, &draw))
        if let planting { spoil(planting, &record) }
        return record
    }

    /// What a planting changes in the intent before it runs.
    private func apply(_ planting: Planting, _ basics: Basics, to record: inout IntentRecord) {
        switch planting.plant {
        case .currencyMismatch: record.currency = .eur
        case .amountMismatch: record.amount += planting.number.isMultiple(of: 2) ? 1_000 : -1
        case .customerMismatch: record.customer = agencyCount == 1 ? 0 : basics.agency % Int64(agencyCount) + 1
        case .staleCheckout: record.hasCheckoutSession = true
        default: break
        }
    }

    /// What happened to the money afterwards, always in the past.
    private func spoil(_ planting: Planting, _ record: inout IntentRecord) {
        guard let paid = record.succeededSeconds else { return }
        // Of what only events show, the money went back in the last days.
        let late = nowSeconds - 7_200 - Int64(record.hash % (6 * 86_400))
        let seconds = planting.plant.age(planting.number) == .old ? late : paid + (nowSeconds - paid) / 2
        let last = record.attempts.count - 1
        switch planting.plant {
        case .refunded, .refundedOld:
            record.aftermath = Aftermath(refunds: [
                .init(createdSeconds: seconds, amount: record.amount, reason: "requested_by_customer", attempt: last)
            ])
        case .refundedPartly:
            record.aftermath = Aftermath(refunds: [
                .init(createdSeconds: seconds, amount: max(1, record.amount / 3), attempt: last)
            ])
        case .disputed, .disputedOld:
            record.aftermath = Aftermath(disputes: [
                .init(createdSeconds: seconds, amount: record.amount, attempt: last)
            ])
        default: break
        }
    }
}
