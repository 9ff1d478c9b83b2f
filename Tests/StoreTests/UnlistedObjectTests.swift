import PostgreSQL
import Reconciliation
import Store
import Support
import Testing

/// A fresh read replaces what a list has staged, and finds out what the list has not shown.
@Suite("What a complete list has not shown")
struct UnlistedObjectTests {
    private static let account = "task_health"

    private static func rows(_ ids: [String]) -> BinaryRows {
        var rows = BinaryRows()
        for id in ids {
            StagedInvoices.append(
                InvoiceFacts(
                    id: id, status: .open, createdSeconds: StagedWorld.now - 900, currency: "usd", total: 100),
                account: account, requestID: "req_fresh", isFresh: true, to: &rows)
        }
        return rows
    }

    private static func staged(_ world: StagedWorld, _ connection: Connection) async throws -> [String] {
        try await connection.query(
            "SELECT id || ' ' || request_id AS line FROM trueup.staged_invoice_\(world.run.id) ORDER BY 1"
        ).map { try $0["line"] }
    }

    @Test("is refused, and nothing is replaced")
    func refused() async throws {
        try await StagedWorld.with(.invoice, account: Self.account) { world in
            try await world.pool.withConnection { connection in
                let table = StagingTable(.invoice, runID: world.run.id)
                let fence = RunFence(world.run)
                var listed = BinaryRows()
                for id in ["in_1", "in_2"] {
                    StagedInvoices.append(
                        InvoiceFacts(
                            id: id, status: .open, createdSeconds: StagedWorld.now - 900, currency: "usd", total: 100),
                        account: Self.account, requestID: "req_list", isFresh: false, to: &listed)
                }
                StagedInvoices.appendAbsent("in_3", account: Self.account, requestID: "req_list", to: &listed)
                try await table.replace([], account: Self.account, with: listed, for: fence, on: connection)
                let before = try await Self.staged(world, connection)
                #expect(before == ["in_1 req_list", "in_2 req_list", "in_3 req_list"])
                // One that no list showed, one that was not there before, and one of another account.
                for (ids, account) in [
                    (["in_1", "in_4"], Self.account), (["in_2", "in_3"], Self.account), (["in_1"], "other"),
                ] {
                    let lost = await #expect(throws: UnlistedObject.self) {
                        try await table.replace(
                            ids, account: account, with: Self.rows(ids), listed: ids, for: fence, on: connection)
                    }
                    #expect(lost?.id == ids.last)
                    #expect(try await Self.staged(world, connection) == before)
                }
                // What no list has to show is added, and what one has shown replaced.
                try await table.replace(
                    ["in_1", "in_4"], account: Self.account, with: Self.rows(["in_1", "in_4"]), listed: ["in_1"],
                    for: fence, on: connection)
                #expect(
                    try await Self.staged(world, connection)
                        == ["in_1 req_fresh", "in_2 req_list", "in_3 req_list", "in_4 req_fresh"])
            }
        }
    }
}
