import Curl
import PostgreSQL
import Runner
import Store

// What people are told by the daemon, beside its runs.
extension ScheduledWork {
    private static let lookSeconds = 1
    /// Messages that did not leave are tried again by the outbox's own times; so often it is looked at.
    private static let deliverySeconds = 5

    /// Looks for what nobody was told of, and empties the outbox, until the task is cancelled.
    func tellPeople() async {
        var tick = 0
        while !Task.isCancelled {
            await tellOnce(delivers: tick % Self.deliverySeconds == 0)
            tick += Self.lookSeconds
            try? await Task.sleep(for: .seconds(Self.lookSeconds))
        }
    }

    /// - Parameter delivers: also without news, what waits in the outbox is sent.
    func tellOnce(delivers: Bool = true) async {
        let settings = book.jobs.settings
        do {
            let news = try await OccurrenceAlerts(book: book, occurrences: Occurrences(pool: pool)).tell()
            guard news > 0 || delivers, settings.delivery.email != nil || settings.delivery.slack != nil else { return }
            let http = HTTPClient()
            var troubles: [String] = []
            do {
                _ = try await OutboxSenders.deliver(settings, pool: pool, http: http) { troubles.append($0) }
                trouble.say(troubles)
            } catch {
                await http.close()
                throw error
            }
            await http.close()
        } catch {
            // The scheduler and the loop say that the database is away; the next look does what this one could not.
            Terminal.tell("telling people failed", "nobody could be told: \(explanation(of: error))", .debug)
        }
    }
}
