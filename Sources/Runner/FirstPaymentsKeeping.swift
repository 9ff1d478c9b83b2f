import PostgreSQL
import Store

/// Writes the payments of a list while it is read, where no run has read it before.
struct FirstPaymentsKeeping: Sendable {
    let own: OwnRun
    let list: RunList
    let pool: Pool

    /// So many objects are looked at at a time; a list of fewer is left to the run's end.
    private static let objectsAtOnce: Int64 = 20_000

    /// How far it has come.
    private struct Written: Sendable {
        /// Objects that were read by then.
        var objects: Int64 = 0
        /// Of the staging table.
        var block: Int64 = 0
    }

    /// Until it is cancelled because all is read, and then the rest.
    func keep() async throws {
        var written = Written()
        while (try? await Task.sleep(for: .seconds(1))) != nil {
            guard let next = try await more(after: written) else { return }
            written = next
        }
        guard written.objects > 0 else { return }
        try await toItsEnd { [written] in
            try await pool.transaction(own.fence) { try await payments.addRest(from: written.block, on: $0) }
        }
    }

    private var payments: FirstPayments { FirstPayments(of: list, run: own.run) }

    /// - Returns: how far it has come now; `nil` when another run has read the list before.
    private func more(after written: Written) async throws -> Written? {
        try await toItsEnd {
            let read = try await pool.withConnection { try await own.windows.objectCount(list, on: $0) }
            guard read - written.objects >= Self.objectsAtOnce else { return written }
            if written.objects == 0, !(try await pool.withConnection { try await payments.areFirst(on: $0) }) {
                return nil
            }
            let block = try await pool.transaction(own.fence) {
                try await payments.addStaged(from: written.block, on: $0)
            }
            return Written(objects: read, block: block)
        }
    }

    /// What was begun is ended, also where everything is read meanwhile: the run's end counts on it.
    private func toItsEnd<T: Sendable>(_ body: @escaping @Sendable () async throws -> T) async throws -> T {
        try await Task { try await body() }.value
    }
}
