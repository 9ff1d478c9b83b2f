import PostgreSQL
import Store

/// Writes the payments of a list while it is read, where no run has read it before.
struct FirstPaymentsKeeping: Sendable {
    let own: OwnRun
    let list: RunList
    let pool: Pool

    /// Fewer objects are written at the run's end.
    private static let objectsMin: Int64 = 20_000

    /// Until it is cancelled.
    func keep() async throws {
        let payments = FirstPayments(of: list, run: own.run)
        var written: Int64 = 0
        while !Task.isCancelled {
            do {
                try await Task.sleep(for: .seconds(1))
            } catch {
                return
            }
            // What was begun is ended, also where everything is read meanwhile: the run's end needs it.
            let next = try await Task { [written] in try await keep(payments, written) }.value
            guard let next else { return }
            written = next
        }
    }

    /// Each round looks at all that is staged: a quarter more each time, so that all rounds cost a few of the last one.
    /// - Parameter written: how many objects the last round saw.
    /// - Returns: how many are seen now; `nil` when another run has read the list before.
    private func keep(_ payments: FirstPayments, _ written: Int64) async throws -> Int64? {
        let read = try await pool.withConnection { try await own.windows.objectCount(list, on: $0) }
        guard read - written >= max(Self.objectsMin, written / 4) else { return written }
        if written == 0, !(try await pool.withConnection { try await payments.areFirst(on: $0) }) { return nil }
        try await pool.transaction(own.fence) { try await payments.addStaged(on: $0) }
        return read
    }
}
