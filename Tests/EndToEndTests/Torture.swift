import Credits
import PostgreSQL
import Reconciliation
import Runner
import Sandbox
import Stripe
import Support
import Synchronization

/// One seed: orders are placed, paid, voided, cancelled and used; webhooks are lost, doubled, late and out of order;
/// everything is cut off now and then, Stripe fails, runs come in between. At the end every balance has to be what was
/// paid less what is reserved.
final class Torture: Sendable {
    let town: Town
    let habits: Habits
    private let state: Mutex<State>

    private struct State {
        var random: Seeded
        var known: Set<String> = []
        var waiting: [Delivery] = []
        /// What every key stands for: an agency wanted one order.
        var wishes: [String: NewCreditOrder] = [:]
        /// The orders that a client was told of.
        var answered: Set<Int64> = []
        var log: [String] = []
    }

    private init(_ town: Town, _ habits: Habits, seed: UInt64) {
        self.town = town
        self.habits = habits
        state = Mutex(State(random: Seeded(seed)))
    }

    /// What a seed came to.
    struct Report: Sendable {
        /// What is wrong at the end; nothing, where all is well.
        var faults: [String] = []
        /// What happened, a line each.
        var history: [String] = []
    }

    static func report(seed: UInt64, _ habits: Habits = .right, actions: Int = 24) async throws -> Report {
        var rates: [SandboxFault: Double] = [:]
        if seed % 3 != 0 {
            for fault in [SandboxFault.serverError, .serverErrorAfter, .resetAfter, .unavailable, .cut, .html] {
                rates[fault] = 0.02
            }
        }
        let found = Mutex(Report())
        try await Town.with(
            faults: SandboxFaults(rates: rates, seed: seed), changesSchema: !habits.sabotage.isEmpty
        ) { town in
            let torture = Torture(town, habits, seed: seed)
            let report = Report(faults: try await torture.run(actions: actions), history: torture.history)
            found.withLock { $0 = report }
        }
        return found.withLock { $0 }
    }

    private func run(actions: Int) async throws -> [String] {
        if !habits.sabotage.isEmpty {
            try await town.pool.withConnection { try await $0.run(script: habits.sabotage) }
        }
        do {
            for _ in 0..<actions { try await act() }
            try await end()
        } catch let error as PostgresError {
            // What was planted may stop the product altogether: that is noticed as well.
            return ["it stopped: \(error)"]
        } catch let error as OrderingError {
            return ["it stopped: \(error)"]
        }
        return try await audit()
    }

    // MARK: - Chance

    func draw(_ count: Int) -> Int { state.withLock { Int.random(in: 0..<count, using: &$0.random) } }
    func oneIn(_ count: Int) -> Bool { draw(count) == 0 }
    func pick<T: Sendable>(_ values: [T]) -> T? { values.isEmpty ? nil : values[draw(values.count)] }
    private func log(_ line: String) { state.withLock { $0.log.append(line) } }
    private var history: [String] { state.withLock { $0.log } }

    // MARK: - What happens

    private func act() async throws {
        switch draw(20) {
        case 0...5: try await wish()
        case 6...9: try change("pay", .open) { try $0.pay($1) }
        case 10: try change("void", .open) { try $0.void($1) }
        case 11, 12: try await takeBack()
        case 13, 14: try await use()
        case 15: town.server.clock.advance(bySeconds: Int64(pick([60, 3_600, 90_000, 400_000]) ?? 60))
        case 16: try await night()
        default: try await again()
        }
        try await collect()
        for _ in 0..<draw(4) { try await deliverOne() }
    }

    private func wish() async throws {
        let agency = pick(Town.agencies) ?? 1
        let order = NewCreditOrder(agencyID: agency, memberID: agency * 10, optionID: Int64(1 + draw(3)))
        let key = state.withLock { state in
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
    private func again() async throws {
        let wishes = state.withLock { $0.wishes.sorted { $0.key < $1.key } }
        guard let (key, order) = pick(wishes) else { return }
        try await habits.place(self, order, key, nil)
    }

    private func change(
        _ word: String, _ status: SandboxInvoiceStatus, _ body: (World, String) throws -> Void
    ) throws {
        let world = try town.world()
        guard let invoice = pick(world.allInvoices().filter { $0.status == status }) else { return }
        log("\(word) \(invoice.id)")
        try body(world, invoice.id)
    }

    private func takeBack() async throws {
        let rows = try await town.query("SELECT id, agency_id FROM task_credit_stripe_invoice ORDER BY id")
        let orders: [(Int64, Int64)] = try rows.map { (try $0["id"], try $0["agency_id"]) }
        guard let (order, agency) = pick(orders) else { return }
        try await habits.cancel(self, order, agency, oneIn(3) ? pick([.looked, .voided]) : nil)
    }

    private func use() async throws {
        guard let agency = pick(Town.agencies) else { return }
        if oneIn(4) {
            try await release(agency)
        } else {
            try await habits.reserve(self, agency, Int64(1 + draw(3)))
        }
    }

    private func night() async throws {
        guard habits.reconciles else { return }
        log("night")
        try await town.run()
    }

    // MARK: - Webhooks

    private func collect() async throws {
        let known = state.withLock { $0.known }
        let fresh = try await town.deliveries(without: known)
        for delivery in fresh {
            let fate = draw(10)
            state.withLock { state in
                state.known.insert(delivery.eventID)
                // Of ten events two are lost for ever and one comes twice.
                guard fate >= 2 else { return }
                state.waiting.append(delivery)
                if fate == 2 { state.waiting.append(delivery) }
            }
        }
    }

    /// One of those that wait, whichever: order is not promised.
    private func deliverOne() async throws {
        let delivery = state.withLock { state -> Delivery? in
            guard !state.waiting.isEmpty else { return nil }
            return state.waiting.remove(at: Int.random(in: 0..<state.waiting.count, using: &state.random))
        }
        guard let delivery else { return }
        let crashes = oneIn(6)
        log("deliver \(delivery.type) \(delivery.invoice.id)\(crashes ? ", cut off" : "")")
        do {
            try await habits.deliver(self, delivery, crashes)
        } catch is Crash {
            // No 200: Stripe sends it again.
            state.withLock { $0.waiting.append(delivery) }
            return
        }
        // The answer got lost: it comes again all the same.
        if oneIn(8) { state.withLock { $0.waiting.append(delivery) } }
    }

    // MARK: - The end

    /// Nothing new happens; what waits arrives, runs find the rest, and drafts go stale.
    private func end() async throws {
        for round in 0..<3 {
            town.server.clock.advance(bySeconds: round == 1 ? 9 * 86_400 : 3_600)
            if habits.reconciles { try await town.run() }
            try await collect()
            while state.withLock({ !$0.waiting.isEmpty }) { try await deliverOne() }
        }
        if habits.reconciles { try await town.run() }
    }

    func answer(_ order: Int64) { state.withLock { _ = $0.answered.insert(order) } }
    func isAnswered(_ order: Int64) -> Bool { state.withLock { $0.answered.contains(order) } }
    var wishes: [String: NewCreditOrder] { state.withLock { $0.wishes } }
}

// What the live side does as it should.
extension Torture {
    /// The effect of an event in one transaction, as the webhook's handler has it.
    static func deliver(_ torture: Torture, _ delivery: Delivery, crashes: Bool) async throws {
        guard ["invoice.paid", "invoice.voided"].contains(delivery.type) else { return }
        let tables = try await LiveTables.resolve(torture.town.jobs, pool: torture.town.pool)
        guard let effects = tables.byAccount["task_health"]?.effects else { throw TownError("no orders") }
        try await torture.town.pool.transaction { connection in
            _ = try await effects.apply(delivery.invoice, on: connection)
            if crashes { throw Crash() }
        }
    }

    static func place(_ torture: Torture, _ order: NewCreditOrder, _ key: String, _ cut: OrderStep?) async throws {
        let ordering = try await torture.town.ordering(attempts: 1 + torture.draw(3)) { if $0 == cut { throw Crash() } }
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
        let ordering = try await torture.town.ordering(attempts: 1 + torture.draw(3)) { step in
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
