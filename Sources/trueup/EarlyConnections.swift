import Jobs
import PostgreSQL
import Synchronization

/// The connections that the first run of a command needs. They open while the database's schema is looked at: each
/// takes a process of the server that has to start.
final class EarlyConnections: Sendable {
    struct Opened: Sendable {
        let pool: Pool
        let budgets: AccountBudgets
    }

    private let definition: JobDefinition?
    private let opened = Mutex<Opened?>(nil)

    /// - Parameter definition: the job that runs first; a report needs none of them.
    init(for definition: JobDefinition?) {
        self.definition = definition?.isReport == false ? definition : nil
    }

    /// Whatever is wrong with the database is said to who needs it.
    func open(_ target: ConnectionTarget) {
        guard let definition else { return }
        let pool = RunningJob.pool(definition, target)
        let budgets = AccountBudgets(target)
        opened.withLock { $0 = Opened(pool: pool, budgets: budgets) }
        Task { try? await pool.withConnection { _ in } }
        budgets.warm()
    }

    /// Those of the run of a job, once; who takes them closes them.
    func take(for definition: JobDefinition) -> Opened? {
        guard definition.name == self.definition?.name else { return nil }
        return opened.withLock { opened in
            defer { opened = nil }
            return opened
        }
    }

    /// Closes what nobody took.
    func close() async {
        guard let definition, let left = take(for: definition) else { return }
        await left.pool.close()
        await left.budgets.close()
    }
}
