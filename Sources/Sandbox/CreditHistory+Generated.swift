/// The Stripe side of the history.
extension CreditHistory: GeneratedHistory {
    static let day: Int64 = 86_400

    /// What an order is about.
    struct Basics {
        var agency: Int64
        var member: Int64
        var option: CreditOption
    }

    func basics(_ index: Int) -> Basics {
        var draw = SeededDraw(seed: seed, 0x0BDE, UInt64(planting(index)?.main ?? index))
        // The smaller of two draws: some agencies order often.
        let agency = 1 + min(draw.below(Int64(agencyCount)), draw.below(Int64(agencyCount)))
        let member = agency * 10 + 1 + draw.below(Self.membersPerAgency)
        let weight = draw.below(Self.optionBounds[Self.optionBounds.count - 1])
        let choice = Self.optionBounds.firstIndex { weight < $0 } ?? 0
        return Basics(agency: agency, member: member, option: Self.option(choice))
    }

    func orderID(_ index: Int) -> Int64 { 100_001 + Int64(index) }

    var invoiceCount: Int64 { Int64(count) }
    func invoiceCreatedSeconds(_ index: Int64) -> Int64 { timeline.seconds(at: index) }
    var finalizeDelaySeconds: Int64 { 2 }
    var longestLifeSeconds: Int64 { 40 * Self.day }
    var longLivedInvoices: [Int64] { plantedIndices.map(Int64.init) }
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
    func isUndelivered(invoice index: Int64) -> Bool {
        guard let planting = planting(Int(index)), planting.plant.local(planting.number) == .open else { return false }
        return planting.number.isMultiple(of: 2)
    }

    func fate(_ index: Int) -> Plant.Fate {
        guard let planting = planting(index) else { return natural(index).fate }
        guard planting.main != nil else { return planting.plant.fate }
        guard planting.plant == .duplicateInStripe else { return .never }
        return planting.number.isMultiple(of: 2) ? .open : .paid
    }

    func invoiceFate(_ index: Int64) -> InvoiceFate {
        switch fate(Int(index)) {
        case .never: .never
        case .deleted: .deleted(seconds: deletedSeconds(Int(index)))
        default: .exists
        }
    }

    func deletedSeconds(_ index: Int) -> Int64 {
        let created = timeline.seconds(at: Int64(index))
        var draw = SeededDraw(seed: seed, 0xDE1E, UInt64(index))
        return created + 60 + draw.below(max(1, min(nowSeconds - created - 300, Self.day)))
    }

    func invoice(_ index: Int64) -> InvoiceRecord {
        let place = Int(index)
        let planting = planting(place)
        let basics = basics(place)
        var draw = SeededDraw(seed: seed, 0x117, UInt64(bitPattern: index))
        var record = InvoiceRecord(index: index, hash: draw.next(), createdSeconds: timeline.seconds(at: index))
        record.customer = basics.agency
        record.theme = .order(
            id: orderID(planting?.main ?? place), agency: basics.agency, member: basics.member,
            credits: basics.option.credits)
        record.subtotal = basics.option.priceCents
        record.dueSeconds = record.createdSeconds + 30 * Self.day
        if let planting, planting.main == nil { apply(planting, basics, to: &record) }
        let delay = lifeSeconds(place, created: record.createdSeconds, &draw)
        run(&record, fate(place), endSeconds: record.createdSeconds + finalizeDelaySeconds + delay)
        if let planting { credit(planting, &record) }
        return record
    }

    /// What happened to the money of an invoice afterwards, always in the past.
    private func credit(_ planting: Planting, _ record: inout InvoiceRecord) {
        if planting.plant == .amountMismatchPartial {
            guard let finalized = record.finalizedSeconds else { return }
            record.aftermath = Aftermath(creditNotes: [
                .init(createdSeconds: finalized + 30, amount: record.prePaymentCredit, isPostPayment: false)
            ])
        }
        guard let paid = record.paidSeconds else { return }
        // Of what only events show, the money went back in the last days.
        let late = nowSeconds - 7_200 - Int64(record.hash % UInt64(6 * Self.day))
        let seconds = planting.plant.isPaidEarly ? late : paid + (nowSeconds - paid) / 2
        let isWhole = planting.number.isMultiple(of: 2)
        switch planting.plant {
        case .credited, .creditedOld:
            record.postPaymentCredit = record.total / 4
            record.aftermath = Aftermath(creditNotes: [
                .init(
                    createdSeconds: seconds, amount: record.postPaymentCredit, isPostPayment: true,
                    reason: "order_change")
            ])
        case .disputed, .disputedOld:
            record.aftermath = Aftermath(disputes: [.init(createdSeconds: seconds, amount: record.amountPaid)])
        case .refunded, .refundedOld:
            record.aftermath = Aftermath(refunds: [
                .init(
                    createdSeconds: seconds, amount: isWhole ? record.amountPaid : record.amountPaid / 4,
                    reason: "requested_by_customer")
            ])
        default: break
        }
    }

    /// How long after finalization the end comes, always in the past.
    private func lifeSeconds(_ index: Int, created: Int64, _ draw: inout SeededDraw) -> Int64 {
        let age = nowSeconds - created - 300
        if let plant = planting(index)?.plant, plant.isPaidEarly { return 60 + draw.below(2 * Self.day) }
        if let planting = planting(index), planting.plant.age(planting.number) == .old {
            return age - Self.day - draw.below(9 * Self.day)
        }
        return 60 + draw.below(max(1, min(age - 120, 25 * Self.day)))
    }

    private func run(_ record: inout InvoiceRecord, _ fate: Plant.Fate, endSeconds: Int64) {
        switch fate {
        case .draft, .deleted, .never: return
        case .open: record.status = .open
        case .paid:
            record.status = .paid
            record.paidSeconds = endSeconds
            record.amountPaid = record.amountDue
            record.attempted = true
            record.attemptCount = 1
        case .void:
            record.status = .void
            record.voidedSeconds = endSeconds
        case .uncollectible:
            record.status = .uncollectible
            record.uncollectibleSeconds = endSeconds
        }
        record.finalizedSeconds = record.createdSeconds + finalizeDelaySeconds
    }

    /// What a planting changes in the invoice itself.
    private func apply(_ planting: Planting, _ basics: Basics, to record: inout InvoiceRecord) {
        switch planting.plant {
        case .currencyMismatch: record.currency = .eur
        case .amountMismatch: record.subtotal += planting.number.isMultiple(of: 2) ? 1_500 : -1
        case .amountMismatchTax: record.taxPercent = 8
        case .amountMismatchPartial: record.prePaymentCredit = record.subtotal / 2
        case .customerMismatch: record.customer = otherAgency(basics.agency, orElse: 0)
        case .orderMismatch:
            record.theme = .order(
                id: orderID(Int(record.index)), agency: otherAgency(basics.agency, orElse: basics.agency + 1),
                member: basics.member, credits: basics.option.credits)
        case .draftAutoAdvanceOld: record.autoAdvance = true
        default: break
        }
    }

    private func otherAgency(_ agency: Int64, orElse nobody: Int64) -> Int64 {
        agencyCount == 1 ? nobody : agency % Int64(agencyCount) + 1
    }

    /// What an unplanted order is: both sides agree, in the proportions of a business that goes well.
    func natural(_ index: Int) -> (fate: Plant.Fate, local: Plant.Local) {
        var draw = SeededDraw(seed: seed, 0x4A7, UInt64(index))
        let age = nowSeconds - timeline.seconds(at: Int64(index))
        let share = draw.below(1_000)
        switch share {
        case 0..<80 where age < staleAfterSeconds - Self.day: return (.draft, .open)
        case 80..<240 where age < 28 * Self.day: return (.open, .open)
        case 240..<300: return (.void, .cancelled)
        case 300..<305: return (.void, .absent)
        case 305..<325 where age > 12 * Self.day: return (.uncollectible, .cancelled)
        case 325..<328 where age > 12 * Self.day: return (.uncollectible, .absent)
        case 328..<358: return (.deleted, .cancelled)
        default: return (.paid, .paid)
        }
    }
}
