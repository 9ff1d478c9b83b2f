import PostgreSQL
import Reconciliation
import Store
import Stripe

/// Changes at Stripe that an earlier run began and whose end it did not live to write down: Stripe is asked what became
/// of them, and the audit row that is missing is written.
struct WriteRecovery: Sendable {
    /// Of the run that looks.
    let fence: RunFence
    let clients: [String: StripeClient]
    let pool: Pool

    /// - Returns: how many audit rows were written.
    @discardableResult
    func recover() async throws -> Int {
        var written = 0
        for write in try await StripeWrites(pool: pool).open(job: fence.job) {
            guard let effect = Remedy.AtStripe(rawValue: write.effect), let client = clients[write.account] else {
                continue
            }
            let made = try await Disposal(client: client, idempotencyKey: write.idempotencyKey)
                .outcome(of: effect, write.stripeID)
            try await pool.transaction(fence) { connection in
                try await StripeWrites.end(write.id, outcome: made?.status ?? "not_made", on: connection)
                guard let made else { return }
                try await RepairRecord.insertRecovered(
                    write, status: made.status, requestID: made.requestID, on: connection)
            }
            if made != nil { written += 1 }
        }
        return written
    }
}
