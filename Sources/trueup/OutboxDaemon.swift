import Jobs
import PostgreSQL
import Runner
import Store
import Synchronization

/// What keeps messages from leaving, for who tries again and again: each trouble is said once, until it is over.
final class LastingTrouble: Sendable {
    private let before = Mutex<[String: [String]]>([:])

    /// - Parameters:
    ///   - troubles: all of this time.
    ///   - source: what they are about; others stay as they are.
    func say(_ troubles: [String], of source: String) {
        let new = before.withLock { before in
            let old = before.updateValue(troubles, forKey: source) ?? []
            return troubles.filter { !old.contains($0) }
        }
        for trouble in new { Terminal.say(trouble) }
    }
}

/// Empties the outbox of a process that goes on and on. Every way goes by itself: a server that hangs holds up neither
/// another way nor the look for news.
final class OutboxDaemon: Sendable {
    private let settings: @Sendable () -> Settings
    private let pool: Pool
    /// Also says where the outbox cannot be read; else that is for others to say.
    private let saysUnread: Bool
    private let trouble = LastingTrouble()
    private let news = Atomic<Int>(0)

    private static let lookSeconds = 1
    /// Messages that did not leave are tried again by the outbox's own times; so often it is looked at.
    private static let deliverySeconds = 5

    /// - Parameter settings: as they are at this moment.
    init(pool: Pool, saysUnread: Bool, settings: @escaping @Sendable () -> Settings) {
        self.pool = pool
        self.saysUnread = saysUnread
        self.settings = settings
    }

    /// Something is new in the outbox: it leaves with the next look.
    func hasNews() { news.add(1, ordering: .relaxed) }

    /// Sends what is due, every few seconds, until the task is cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.repeating { await self.expire() } }
            for way in OutboxSenders.Way.allCases {
                group.addTask { await self.repeating { await self.empty(way) } }
            }
        }
    }

    /// Sends what is due now.
    func once() async {
        await expire()
        await withTaskGroup(of: Void.self) { group in
            for way in OutboxSenders.Way.allCases { group.addTask { await self.empty(way) } }
        }
    }

    private func repeating(_ body: @Sendable () async -> Void) async {
        var (tick, seen) = (0, 0)
        while !Task.isCancelled {
            let now = news.load(ordering: .relaxed)
            if tick % Self.deliverySeconds == 0 || now != seen {
                seen = now
                await body()
            }
            tick += Self.lookSeconds
            try? await Task.sleep(for: .seconds(Self.lookSeconds))
        }
    }

    private func empty(_ way: OutboxSenders.Way) async {
        let senders = OutboxSenders(settings())
        guard senders.ways.contains(way) else { return }
        await attempt {
            let end = try await senders.empty(way, pool: pool)
            end.saySent()
            trouble.say(end.failures, of: way.rawValue)
        }
    }

    private func expire() async {
        await attempt { _ = try await OutboxSenders(settings()).expire(pool: pool) }
    }

    private func attempt(_ body: () async throws -> Void) async {
        do {
            try await body()
            trouble.say([], of: "database")
        } catch {
            guard !Task.isCancelled else { return }
            let why = explanation(of: error)
            if saysUnread {
                trouble.say(["the outbox was not emptied: \(why)"], of: "database")
            } else {
                // The scheduler and the loop say that the database is away; the next look does what this one could not.
                Terminal.tell("telling people failed", "nobody could be told: \(why)", .debug)
            }
        }
    }
}
