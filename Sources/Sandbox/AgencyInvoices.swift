/// A row of `agency_invoice_notice`.
public struct AgencyNotice: Sendable, Hashable {
    /// The id of the invoice, which is the primary key.
    public var stripeInvoiceID: String
    /// The name of the account.
    public var account: String
    /// The id of the agency.
    public var agencyID: Int64
    /// When the e-mail went out, in Unix seconds.
    public var sentSeconds: Int64
}

/// The invoices that agencies get on an account, and the notices about them: a part of more than one history. The
/// customer of an agency has its id as index.
struct AgencyInvoices: Sendable {
    static let finalizeDelaySeconds: Int64 = 3_600

    let seed: UInt64
    let count: Int
    let agencyCount: Int
    let nowSeconds: Int64
    /// The name of the account in `agency_invoice_notice`.
    let accountName: String
    let space: IDSpace
    let times: Timeline
    /// Invoices about which no notice was recorded.
    let unnoticed: Set<Int>

    init(
        seed: UInt64, count: Int, agencyCount: Int, nowSeconds: Int64, lengthSeconds: Int64, lookBackSeconds: Int64,
        missedNotices: Int, accountName: String, space: IDSpace
    ) throws(AgencyHistoryError) {
        self.seed = seed
        self.count = count
        self.agencyCount = agencyCount
        self.nowSeconds = nowSeconds
        self.accountName = accountName
        self.space = space
        times = Timeline(
            count: Int64(count), fromSeconds: nowSeconds - lengthSeconds, toSeconds: nowSeconds - 8_000, skew: .even,
            seed: seed ^ 0x1F0)
        unnoticed = try Self.unnoticed(
            missedNotices, seed: seed, times: times, nowSeconds: nowSeconds, lookBackSeconds: lookBackSeconds)
    }

    private static func unnoticed(
        _ number: Int, seed: UInt64, times: Timeline, nowSeconds: Int64, lookBackSeconds: Int64
    ) throws(AgencyHistoryError) -> Set<Int> {
        let count = Int(times.count)
        let first = partitionPoint(count) { times.seconds(at: Int64($0)) > nowSeconds - lookBackSeconds + 86_400 }
        let finalized = (first..<max(first, count)).filter { index in
            let fate = fate(seed, index)
            return fate == .open || fate == .paid
        }
        guard finalized.count >= number else {
            throw AgencyHistoryError("there are not enough recent invoices for \(number) missed notices; add invoices")
        }
        // Spread over the period: some are younger than the events that Stripe still lists.
        return Set((0..<number).map { finalized[$0 * finalized.count / number] })
    }

    private static func fate(_ seed: UInt64, _ index: Int) -> SandboxInvoiceStatus {
        switch scrambled(seed ^ 0x1F7 ^ UInt64(index)) % 100 {
        case 0..<6: .draft
        case 6..<20: .open
        case 20..<26: .void
        case 26..<28: .uncollectible
        default: .paid
        }
    }

    func createdSeconds(_ index: Int64) -> Int64 { times.seconds(at: index) }

    func invoice(_ index: Int64) -> InvoiceRecord {
        var draw = SeededDraw(seed: seed, 0x11, UInt64(bitPattern: index))
        var record = InvoiceRecord(index: index, hash: draw.next(), createdSeconds: times.seconds(at: index))
        let agency = 1 + draw.below(Int64(agencyCount))
        record.customer = agency
        record.theme = .agency(id: agency)
        record.subtotal = 5_000 * (1 + draw.below(40))
        record.dueSeconds = record.createdSeconds + 30 * 86_400
        let finalized = record.createdSeconds + Self.finalizeDelaySeconds
        let age = nowSeconds - finalized - 300
        let end = finalized + 60 + draw.below(max(1, min(age - 120, 25 * 86_400)))
        record.status = Self.fate(seed, Int(index))
        if record.status != .draft { record.finalizedSeconds = finalized }
        switch record.status {
        case .draft:
            // Of four drafts one is finalized by Stripe itself, and one is a subscription's: neither is ever stale.
            record.autoAdvance = record.hash & 3 == 0
            if record.hash & 3 == 1 { record.subscription = agency }
        case .open: break
        case .void: record.voidedSeconds = end
        case .uncollectible: record.uncollectibleSeconds = end
        case .paid:
            record.paidSeconds = end
            record.amountPaid = record.amountDue
            record.attempted = true
            record.attemptCount = 1
        }
        return record
    }

    private func id(_ record: InvoiceRecord) -> String {
        space.text(.invoice, record.index, createdSeconds: record.createdSeconds)
    }

    /// The notices that were recorded: one for each finalized invoice, but for the missed ones.
    var notices: some Sequence<AgencyNotice> { (0..<count).lazy.compactMap { notice($0) } }

    private func notice(_ index: Int) -> AgencyNotice? {
        let record = invoice(Int64(index))
        guard let finalized = record.finalizedSeconds, !unnoticed.contains(index) else { return nil }
        return AgencyNotice(
            stripeInvoiceID: id(record), account: accountName, agencyID: record.customer, sentSeconds: finalized + 4)
    }

    /// The drafts that an expiry has to delete.
    func staleDraftIDs(staleAfterSeconds: Int64) -> [String] {
        (0..<count).compactMap { index in
            let record = invoice(Int64(index))
            let isStale = nowSeconds - record.createdSeconds > staleAfterSeconds
            guard record.status == .draft, isStale, !record.autoAdvance, record.isOneOff else { return nil }
            return id(record)
        }
    }

    /// The ids of the finalized invoices without a notice, in order of creation.
    var unnoticedIDs: [String] {
        unnoticed.sorted().map { space.text(.invoice, Int64($0), createdSeconds: times.seconds(at: Int64($0))) }
    }

    /// Of the notices that were missed every other one is explained by a webhook that is still listed as undelivered;
    /// the others were answered 2xx and then failed.
    func isUndelivered(_ index: Int64) -> Bool {
        unnoticed.contains(Int(index)) && unnoticed.sorted().firstIndex(of: Int(index))?.isMultiple(of: 2) == true
    }
}
