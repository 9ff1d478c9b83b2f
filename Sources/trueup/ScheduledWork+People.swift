import PostgreSQL
import Runner
import Store

// What people are told by the daemon, beside its runs.
extension ScheduledWork {
    private static let lookSeconds = 1

    /// Looks for what nobody was told of, and empties the outbox, until the task is cancelled.
    func tellPeople() async {
        async let emptying: Void = outbox.run()
        while !Task.isCancelled {
            await tellNews()
            try? await Task.sleep(for: .seconds(Self.lookSeconds))
        }
        await emptying
    }

    /// Puts what nobody was told of into the outbox, and sends what is due.
    func tellOnce() async {
        await tellNews()
        await outbox.once()
    }

    private func tellNews() async {
        do {
            let news = try await OccurrenceAlerts(book: book, occurrences: Occurrences(pool: pool)).tell()
            if news > 0 { outbox.hasNews() }
        } catch {
            // The scheduler and the loop say that the database is away; the next look does what this one could not.
            Terminal.tell("telling people failed", "nobody could be told: \(explanation(of: error))", .debug)
        }
    }
}
