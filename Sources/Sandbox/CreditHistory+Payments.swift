/// Payment intents that no invoice of the history made: only the planted ones.
extension CreditHistory {
    var intentCount: Int64 { Int64(plantedPayments.count) }
    func intentCreatedSeconds(_ index: Int64) -> Int64 { plantedPayments[Int(index)].createdSeconds }
    var longLivedIntents: [Int64] { plantedPayments.indices.map(Int64.init) }

    var otherInvoiceIntents: [Int64] {
        plantedPayments.indices.filter { plantedPayments[$0].plant == .paidTwice }.map(Int64.init)
    }

    func intent(_ index: Int64) -> IntentRecord {
        guard plantedPayments.indices.contains(Int(index)) else {
            return IntentRecord(kind: .intent, index: index, hash: 0, createdSeconds: 0, amount: 0)
        }
        let payment = plantedPayments[Int(index)]
        var draw = SeededDraw(seed: seed, 0x9A7, UInt64(bitPattern: index))
        var record = IntentRecord(
            kind: .intent, index: index, hash: draw.next(), createdSeconds: payment.createdSeconds,
            amount: draw.pick(options.prefix(6).map(\.priceCents)), customer: 1 + draw.below(Int64(agencyCount)))
        record.description = "Assessment credits"
        record.metadata = [("agency_id", String(record.customer))]
        record.hasCheckoutSession = payment.plant == .staleCheckout
        if let order = payment.order {
            let invoice = invoice(Int64(order))
            record.amount = invoice.amountDue
            record.customer = invoice.customer
            record.metadata = [("agency_id", String(invoice.customer)), ("order_id", String(orderID(order)))]
            if payment.plant == .paidTwice { record.invoice = (invoice.index, invoice.createdSeconds) }
        }
        record.run(
            payment.plant.fate,
            endSeconds: record.endSeconds(payment.plant.fate, isLate: false, nowSeconds: nowSeconds, &draw))
        return record
    }

    /// Draws when each was made, and which order it is about.
    func plantPayments() throws(CreditHistoryError) -> [PlantedPayment] {
        var draw = SeededDraw(seed: seed, 0x9A71)
        var found: [PlantedPayment] = []
        var taken: Set<Int> = []
        for plant in PaymentPlant.allCases {
            for number in 0..<(payments[plant] ?? 0) {
                let ages = plant.age.bounds(staleAfterSeconds, lookBackSeconds, Self.lengthSeconds)
                var payment = PlantedPayment(
                    plant: plant, number: number,
                    createdSeconds: nowSeconds - ages.lowerBound - draw.below(ages.upperBound - ages.lowerBound))
                if plant == .paidTwice || plant == .orphanNamingOrder {
                    let (order, paid) = try paidOrder(&draw, &taken)
                    payment.order = order
                    payment.createdSeconds = paid + 1 + draw.below(min(3_600, nowSeconds - 1_000 - paid))
                }
                found.append(payment)
            }
        }
        return found.sorted { ($0.createdSeconds, $0.plant.rawValue) < ($1.createdSeconds, $1.plant.rawValue) }
    }

    /// An order of the look-back period that both sides call paid, with when it was.
    private func paidOrder(
        _ draw: inout SeededDraw, _ taken: inout Set<Int>
    ) throws(CreditHistoryError) -> (index: Int, paidSeconds: Int64) {
        let first = partitionPoint(count) {
            timeline.seconds(at: Int64($0)) >= nowSeconds - lookBackSeconds + Self.day
        }
        let room = count - first
        let start = room > 0 ? Int(draw.below(Int64(room))) : 0
        for step in 0..<max(0, room) {
            let index = first + (start + step) % room
            guard planting(index) == nil, !taken.contains(index), natural(index).fate == .paid,
                let paid = invoice(Int64(index)).paidSeconds, paid < nowSeconds - 1_100
            else { continue }
            taken.insert(index)
            return (index, paid)
        }
        throw CreditHistoryError(
            "there are not enough paid orders in the look-back period for the planted payments; add orders or plant "
                + "fewer")
    }

    /// The id of the payment intent at this place among the planted ones.
    private func paymentIntentID(_ index: Int) -> String {
        space.text(.intent, Int64(index), createdSeconds: plantedPayments[index].createdSeconds)
    }

    /// The planted payment intents as Stripe has them, by what they were planted for.
    public var plantedIntents: [PaymentPlant: [SandboxPaymentIntent]] {
        Dictionary(grouping: plantedPayments.indices) { plantedPayments[$0].plant }
            .mapValues { $0.map { SandboxPaymentIntent(intent(Int64($0)), space: space) } }
    }

    /// The payment intents that an expiry has to cancel: never confirmed, older than `stale_after`, and neither an
    /// invoice's nor a Checkout session's.
    public var staleIntentIDs: [String] {
        plantedPayments.indices.filter {
            intent(Int64($0)).isExpirable(nowSeconds: nowSeconds, staleAfterSeconds: staleAfterSeconds)
        }.map(paymentIntentID)
    }

    /// How many findings of each kind a complete run of the payment intents against the orders has to make: the planted
    /// payments, and the orders whose amount or currency is not what was paid.
    public var expectedPayments: [String: Int] {
        var expected: [String: Int] = [:]
        for (plant, number) in payments {
            if let kind = plant.kind { expected[kind, default: 0] += number * plant.findings }
        }
        for plant in [Plant.currencyMismatch, .amountMismatch, .amountMismatchTax, .amountMismatchPartial] {
            if let kind = plant.kind, let number = plants[plant] { expected[kind, default: 0] += number }
        }
        return expected
    }

    /// How many of them a run repairs by itself.
    public var expectedPaymentRepairs: [String: Int] {
        var expected: [String: Int] = [:]
        for (plant, number) in payments where plant.action == .apply {
            if let kind = plant.kind { expected[kind, default: 0] += number * plant.findings }
        }
        return expected
    }
}
