import PostgreSQL
import Reconciliation
import Store
import Testing

/// The proof that every object was staged exactly once.
@Suite("Staged objects are counted")
struct StagingCountTests {
    @Test("an object that is staged twice is one id in two rows, and an absent one is none")
    func twice() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let run = try await Runs(pool: world.pool).begin(
                job: "credit-invoices", definitionHash: "x", isPlan: false, period: StagedWorld.period,
                lists: [RunList(account: "task_health", object: .invoice): StagedWorld.period],
                origin: RunOrigin(
                    trigger: .manual, requestedBy: "tests", host: "here", processID: 1, programVersion: "0"))
            let staged = StagingTable(.invoice, runID: run.id)
            try await world.pool.withConnection { connection in
                func add(_ ids: [String], account: String = "task_health") async throws {
                    var rows = BinaryRows()
                    for id in ids {
                        StagedInvoices.append(
                            InvoiceFacts(
                                id: id, status: .open, createdSeconds: StagedWorld.now, currency: "usd", total: 100),
                            account: account, requestID: "req_1", isFresh: false, to: &rows)
                    }
                    try await staged.add(rows, for: RunFence(run), on: connection)
                }
                try await add((1...300).map { "in_\($0)" })
                try await add(["in_1"], account: "medflyt")
                var count = try await staged.count(account: "task_health", on: connection)
                #expect(count == (300, 300, 0))
                try await add(["in_7"])
                var absent = BinaryRows()
                StagedInvoices.appendAbsent("in_gone", account: "task_health", requestID: "req_2", to: &absent)
                try await staged.add(absent, for: RunFence(run), on: connection)
                count = try await staged.count(account: "task_health", on: connection)
                #expect(count == (301, 300, 1))
            }
        }
    }
}
