/// The Stripe side of the history.
extension PatientHistory: GeneratedHistory {
    private static let day: Int64 = 86_400
    private static let amounts: [Int64] = [50, 1_500, 2_500, 4_000, 7_500, 12_000, 25_000]
    private static let words = ["Copay", "Private hours", "Equipment rental", "Late fee"]

    func space(accountID: String) -> IDSpace { Self.space(seed, accountID) }
    var finalizeDelaySeconds: Int64 { AgencyInvoices.finalizeDelaySeconds }
    var longestLifeSeconds: Int64 { 40 * Self.day }
    var longLivedInvoices: [Int64] { [] }
    var invoiceCount: Int64 { Int64(invoices) }
    func invoiceCreatedSeconds(_ index: Int64) -> Int64 { billing.createdSeconds(index) }
    func invoiceFate(_ index: Int64) -> InvoiceFate { .exists }
    func invoice(_ index: Int64) -> InvoiceRecord { billing.invoice(index) }
    func isUndelivered(invoice index: Int64) -> Bool { false }
    func isUndelivered(finalizationOf index: Int64) -> Bool { billing.isUndelivered(index) }
    var intentCount: Int64 { Int64(count) }
    func intentCreatedSeconds(_ index: Int64) -> Int64 { timeline.seconds(at: index) }
    var longLivedIntents: [Int64] { plantedIndices.map(Int64.init) }

    /// Nobody, the agencies by their ids, the patients, and a stranger for every planting that needs one.
    var customerCount: Int64 { firstStranger + Int64(strangers.count) }
    var firstPatient: Int64 { Int64(agencyCount) + 1 }
    private var firstStranger: Int64 { firstPatient + Int64(patientCount) }

    func customer(_ index: Int64) -> CustomerRecord {
        let hash = scrambled(seed ^ 0xA6E7 ^ UInt64(bitPattern: index))
        var customer = CustomerRecord(
            index: index, createdSeconds: nowSeconds - Self.lengthSeconds - Self.day * (1 + Int64(hash & 31)),
            hash: hash)
        guard index < firstPatient else {
            customer.isGeneratedPerson = true
            customer.hasAddress = hash >> 20 & 3 != 0
            return customer
        }
        customer.name = index == 0 ? "Walk-in customer" : CreditAgency.name(index, seed: seed)
        customer.email = index == 0 ? "walkin@example.com" : CreditAgency.email(index)
        return customer
    }

    func intent(_ index: Int64) -> IntentRecord {
        let place = Int(index)
        var draw = SeededDraw(seed: seed, 0x9A7, UInt64(bitPattern: index))
        var record = IntentRecord(
            kind: .intent, index: index, hash: draw.next(), createdSeconds: timeline.seconds(at: index),
            amount: draw.pick(Self.amounts))
        record.description = draw.pick(Self.words)
        record.customer = firstPatient + draw.below(Int64(patientCount))
        record.isBankTransfer = draw.below(4) == 0
        let planting = planting(place)
        switch planting?.plant.payer {
        case .nobody: record.customer = -1
        case .stranger: record.customer = firstStranger + Int64(strangers.firstIndex(of: place) ?? 0)
        case .patient, nil: record.metadata = [("patient_id", String(patientID(record.customer)))]
        }
        record.hasCheckoutSession = planting?.plant == .staleCheckout
        let fate = planting?.plant.fate ?? natural(place)
        record.run(fate, endSeconds: record.endSeconds(fate, isLate: false, nowSeconds: nowSeconds, &draw))
        return record
    }

    /// What an unplanted payment is, in the proportions of a business that goes well.
    private func natural(_ index: Int) -> IntentFate {
        var draw = SeededDraw(seed: seed, 0x4A9, UInt64(index))
        let age = nowSeconds - timeline.seconds(at: Int64(index))
        let isYoung = age < staleAfterSeconds - Self.day
        return switch draw.below(1_000) {
        case 0..<70: .declined
        case 70..<110: .canceled
        case 110..<180 where isYoung: .open
        case 180..<230 where age < 3 * Self.day: .processing
        case 230..<260: .action
        case 260..<310: .retried
        default: .succeeded
        }
    }

    func patientID(_ customer: Int64) -> Int64 { 900_000 + customer }
}
