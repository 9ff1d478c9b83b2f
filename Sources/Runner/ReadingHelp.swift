import PostgreSQL
import Store
import Stripe

/// Reads windows of runs that other processes own, on whatever host: one more pair of hands for a long reading.
///
/// It takes what nobody reads, and cuts the largest rest of what somebody does. All that comes after the reading is the
/// owner's. Where this process has no key for an account, the account's windows are left alone.
public actor ReadingHelp {
    /// A client for an account, on behalf of a run of this kind.
    /// - Throws: where there is no key for it here, or no such account.
    public typealias Open = @Sendable (_ account: String, _ trigger: RunTrigger) throws -> StripeClient

    private let reader: String
    private let leaseSeconds: Double
    private let pool: Pool
    private let clock: MonotonicClock
    private let mayHelp: @Sendable () -> Bool
    private let open: Open
    private let say: @Sendable (String) -> Void
    private var clients: [String: StripeClient] = [:]
    /// Accounts that cannot be read here, and until when nobody tries again.
    private var refusedUntil: [String: Int64] = [:]
    private var said: Set<String> = []

    static let pollNanoseconds: Int64 = 1_000_000_000
    private static let refusedNanoseconds: Int64 = 60_000_000_000

    /// - Parameters:
    ///   - reader: this process, unique among all; its own runs are left out.
    ///   - pool: one connection is enough.
    ///   - mayHelp: whether there is nothing else to do here.
    public init(
        reader: String, leaseSeconds: Double, pool: Pool, clock: MonotonicClock = .system,
        mayHelp: @escaping @Sendable () -> Bool = { true }, open: @escaping Open,
        say: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.reader = reader
        self.leaseSeconds = leaseSeconds
        self.pool = pool
        self.clock = clock
        self.mayHelp = mayHelp
        self.open = open
        self.say = say
    }

    /// Looks about once a second for something to read, until the task is cancelled; then gives back what it has.
    public func run() async {
        while !Task.isCancelled {
            // A database that is away is the worker's to tell of.
            if mayHelp(), let lists = try? await Runs(pool: pool).sharedLists(for: reader) {
                for (_, part) in Dictionary(grouping: lists, by: \.fence).sorted(by: { $0.key.runID < $1.key.runID }) {
                    await help(part)
                }
            }
            try? await clock.sleepUntil(clock.now() + Self.pollNanoseconds)
        }
    }

    /// Reads what there is of one run's lists.
    private func help(_ lists: [SharedList]) async {
        var readable: [(list: SharedList, client: StripeClient)] = []
        for list in lists {
            if Task.isCancelled { return }
            if let client = await client(for: list) { readable.append((list, client)) }
        }
        guard let first = readable.first?.list else { return }
        let windows = Windows(first.fence, reader: reader, leaseSeconds: leaseSeconds)
        let used = Dictionary(readable.map { ($0.list.list.account, $0.client) }) { one, _ in one }
        let before = ClientUsage(used)
        await withTaskGroup(of: Bool.self) { group in
            group.addTask { [self] in
                await beat(windows)
                return false
            }
            for (list, client) in readable {
                group.addTask { [self] in
                    await read(list, client, windows)
                    return true
                }
            }
            var left = readable.count
            while left > 0, let isReading = await group.next() { left -= isReading ? 1 : 0 }
            group.cancelAll()
        }
        let spent = ClientUsage(used) - before
        // Not under a task that was cancelled: it has to reach the database. Where it does not, the leases end by
        // themselves.
        await Task { [pool] in
            _ = try? await pool.withConnection { try await windows.release(on: $0) }
            guard spent.requests > 0 else { return }
            try? await Runs(pool: pool).note(
                requests: spent.requests, least: spent.requests - spent.repeated, of: first.fence)
        }.value
    }

    private func read(_ shared: SharedList, _ client: StripeClient, _ windows: Windows) async {
        let job = "\(shared.fence.job), run \(shared.fence.runID)"
        do {
            try await ListReading(
                list: shared.list, request: shared.request, client: client, windows: windows, pool: pool,
                waitsForOthers: false,
                progress: { [self] progress in
                    guard case .page = progress else { return }
                    Task { await self.sayOnce("\(job): helps to read \(shared.list)") }
                }
            ).read()
        } catch is RunLost {
            // It has ended, or goes on in another process.
        } catch {
            if Task.isCancelled { return }
            // The owner meets the same, if it is more than a moment's trouble, and says what is missing.
            refusedUntil[key(shared)] = clock.now() + Self.refusedNanoseconds
            say("\(job): does not help to read \(shared.list) for a minute: \(error)")
        }
    }

    /// Says that the windows are being read, also where no page comes for a while.
    private func beat(_ windows: Windows) async {
        while !Task.isCancelled {
            guard (try? await clock.sleepUntil(clock.now() + Int64(leaseSeconds * 1e9 / 3))) != nil else { return }
            // Who commits pages meets the same error; leases last for a while.
            _ = try? await pool.withConnection { try await windows.extend(on: $0) }
        }
    }

    // MARK: - Accounts

    private func key(_ list: SharedList) -> String { "\(list.list.account) \(list.trigger.rawValue)" }

    /// A client whose key was checked to be that of the account that the name has always stood for.
    private func client(for list: SharedList) async -> StripeClient? {
        let account = list.list.account
        if let until = refusedUntil[key(list)], clock.now() < until { return nil }
        do {
            let client: StripeClient
            if let known = clients[key(list)] {
                client = known
            } else {
                client = try open(account, list.trigger)
                // The keys of a plan that nobody has approved yet may be swapped here or there.
                let verified = try await client.verifyKnown(account, pool: pool)
                guard verified.isKnown || verified.id == nil else { throw RunError.unknownAccount(account) }
                clients[key(list)] = client
            }
            guard client.account.apiVersion == list.request.apiVersion else {
                let versions = "\(list.request.apiVersion), and \(client.account.apiVersion) here"
                sayOnce("\(account): its windows are left alone: their run reads in version \(versions)")
                return nil
            }
            return client
        } catch {
            guard !Task.isCancelled else { return nil }
            refusedUntil[key(list)] = clock.now() + Self.refusedNanoseconds
            sayOnce("\(account): its windows are left alone: \(error)")
            return nil
        }
    }

    private func sayOnce(_ line: String) {
        if said.insert(line).inserted { say(line) }
    }
}
