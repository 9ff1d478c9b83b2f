import PostgreSQL
import Reconciliation
import Runner
import Sandbox
import Service
import Stripe
import Support
import Synchronization

/// One seed: credits are ordered, paid, voided, cancelled and used; agencies are charged and invoiced; webhooks are
/// lost, doubled, late and out of order; everything is cut off now and then, Stripe fails, runs come in between. At the
/// end every balance has to be what was paid less what is reserved, every charge what Stripe says of it, and every
/// notice sent once.
final class Torture: Sendable {
    let town: Town
    let habits: Habits
    let desk: WebhookCounter
    private let state: Mutex<State>

    struct State: Sendable {
        var random: Seeded
        /// Events that were seen, by account.
        var known: [String: Set<String>] = [:]
        var waiting: [Delivery] = []
        /// What every key stands for: an agency wanted one order, or one payment.
        var wishes: [String: NewCreditOrder] = [:]
        var charges: [String: NewCharge] = [:]
        /// The orders that a client was told of.
        var answered: Set<Int64> = []
        /// Invoices that somebody wrote at Stripe, who mails them as well.
        var byHand: Set<String> = []
        /// How far the clock was moved, in seconds: what is older than the jobs look back is another matter.
        var advancedSeconds: Int64 = 0
        var log: [String] = []
    }

    private init(_ town: Town, _ habits: Habits, _ desk: WebhookCounter, seed: UInt64) {
        self.town = town
        self.habits = habits
        self.desk = desk
        state = Mutex(State(random: Seeded(seed)))
    }

    /// What a seed came to.
    struct Report: Sendable {
        /// What is wrong at the end; nothing, where all is well.
        var faults: [String] = []
        /// What happened, a line each.
        var history: [String] = []
    }

    /// Webhooks of every tenth seed come over HTTP, to a service that serves; the others' are handed to the service.
    static func report(seed: UInt64, _ habits: Habits = .right, actions: Int = 36) async throws -> Report {
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
            let desk = try await WebhookCounter(town, listens: seed % 10 == 0)
            let torture = Torture(town, habits, desk, seed: seed)
            let result: Result<[String], any Error>
            do {
                result = .success(try await torture.run(actions: actions))
            } catch {
                result = .failure(error)
            }
            await desk.close()
            let report = Report(faults: try result.get(), history: torture.with { $0.log })
            found.withLock { $0 = report }
        }
        return found.withLock { $0 }
    }

    private func run(actions: Int) async throws -> [String] {
        if !habits.sabotage.isEmpty {
            try await town.pool.withConnection { try await $0.run(script: habits.sabotage) }
        }
        do {
            try await opening()
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

    func with<T: Sendable>(_ body: (inout State) throws -> T) rethrows -> T { try state.withLock { try body(&$0) } }
    func draw(_ count: Int) -> Int { with { Int.random(in: 0..<count, using: &$0.random) } }
    func oneIn(_ count: Int) -> Bool { draw(count) == 0 }
    func pick<T: Sendable>(_ values: [T]) -> T? { values.isEmpty ? nil : values[draw(values.count)] }
    func log(_ line: String) { with { $0.log.append(line) } }

    // MARK: - What happens

    private func act() async throws {
        switch draw(32) {
        case 0...5: try await wish()
        case 6...9: try change("pay", "task_health", .open) { try $0.pay($1) }
        case 10: try change("void", "task_health", .open) { try $0.void($1) }
        case 11, 12: try await takeBack()
        case 13...16: try await use()
        case 17: try await advance(Int64(pick([60, 3_600, 90_000, 400_000]) ?? 60))
        case 18: try await night()
        case 19, 20: try await again()
        case 21...23: try await wishCharge()
        case 24, 25: try await changeMethod()
        case 26...28: try settleIntent()
        case 29: try issue()
        default: try moveInvoice()
        }
        try await collect()
        for _ in 0..<draw(4) { try await deliverOne() }
    }

    func change(
        _ word: String, _ account: String, _ status: SandboxInvoiceStatus, _ body: (World, String) throws -> Void
    ) throws {
        let world = try town.world(account)
        guard let invoice = pick(world.allInvoices().filter { $0.status == status }) else { return }
        log("\(word) \(invoice.id)")
        try body(world, invoice.id)
    }

    /// The jobs look back for 35 days.
    private static let advancedSecondsMax: Int64 = 20 * 86_400

    private func advance(_ seconds: Int64) async throws {
        let isAllowed = with { state in
            guard state.advancedSeconds + seconds <= Self.advancedSecondsMax else { return false }
            state.advancedSeconds += seconds
            return true
        }
        if isAllowed { try await pass(seconds) }
    }

    /// Time passes at Stripe, and in the rows that tell how old an attempt at Stripe is.
    private func pass(_ seconds: Int64) async throws {
        town.server.clock.advance(bySeconds: seconds)
        try await town.ageMails(bySeconds: seconds)
    }

    private func night() async throws {
        guard habits.reconciles, let job = pick(town.jobs.map(\.name)) else { return }
        log("night of \(job)")
        try await habits.night(self, job)
    }

    // MARK: - The end

    /// Nothing new happens; what waits arrives, runs find the rest, and drafts go stale.
    private func end() async throws {
        for seconds in [3_600, 9 * 86_400] as [Int64] {
            try await pass(seconds)
            try await writeByHand()
            if habits.reconciles {
                for job in town.jobs { try await habits.night(self, job.name) }
            }
            try await collect()
            for _ in 0..<10_000 where with({ !$0.waiting.isEmpty }) { try await deliverOne() }
            guard with({ $0.waiting.isEmpty }) else { throw TownError("the webhooks do not come to an end") }
        }
        try await pass(3_600)
        if habits.reconciles {
            for job in town.jobs { try await habits.night(self, job.name) }
        }
        try await mailRest()
    }
}
