import PostgreSQL
import Store
import Synchronization

/// Writes the payments of lists while they are read, where no run has read them before, and the last of them beside
/// what follows the reading.
final class FirstPaymentsKeeping: Sendable {
    private let tasks: [Task<Void, any Error>]
    private let isRead: IsRead

    private final class IsRead: Sendable {
        let value = Mutex(false)
    }

    /// - Parameter lists: whose payments are known page by page.
    init(own: OwnRun, lists: Set<RunList>, pool: Pool) {
        let isRead = IsRead()
        self.isRead = isRead
        tasks = lists.map { list in
            Task {
                try await FirstPaymentsOfList(own: own, list: list, pool: pool).keep { isRead.value.withLock { $0 } }
            }
        }
    }

    /// Everything is staged: what is left is written now.
    func allIsRead() {
        isRead.value.withLock { $0 = true }
        for task in tasks { task.cancel() }
    }

    /// Waits until everything is written.
    func finish() async throws {
        for task in tasks { try await task.value }
    }

    /// Writes no more. What is written stays: the next attempt at the run goes on from there.
    func abandon() async {
        for task in tasks { task.cancel() }
        for task in tasks { _ = await task.result }
    }
}

private struct FirstPaymentsOfList: Sendable {
    let own: OwnRun
    let list: RunList
    let pool: Pool

    /// So many objects are looked at at a time; a list of fewer is left to the run's end.
    private static let objectsAtOnce: Int64 = 10_000

    /// How far it has come.
    private struct Written: Sendable {
        /// Objects that were read by then.
        var objects: Int64 = 0
        /// Of the staging table.
        var block: Int64 = 0
    }

    /// Until it is cancelled.
    /// - Parameter isRead: whether that is because everything is staged: then the rest is written, too.
    func keep(_ isRead: @Sendable () -> Bool) async throws {
        var written = Written()
        while (try? await Task.sleep(for: .seconds(1))) != nil {
            guard let next = try await more(after: written) else { return }
            written = next
        }
        guard written.objects > 0, isRead() else { return }
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
