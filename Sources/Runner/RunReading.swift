import Jobs
import PostgreSQL
import Reconciliation
import Store
import Stripe

/// Reads the lists of a run, with the help of other processes where there are some, and proves that they are complete.
struct RunReading: Sendable {
    let own: OwnRun
    let clients: [String: StripeClient]
    let pool: Pool
    /// The types of the events that are listed, by account.
    var eventTypes: [String: Set<String>] = [:]
    /// The local tables whose rows name the objects of a list.
    var subjects: [Subject] = []
    /// Other jobs: where no row names the intents of a list, the orders of one of them say when most were made.
    var others: [ReconcileJob] = []
    /// The lists whose pages write their payments, where no other run has read them.
    var paymentLists: Set<RunList> = []
    /// Only invoices of this status are listed. Right only where one that leaves the status is not wanted any more.
    var invoiceStatus: String?
    let progress: @Sendable (RunProgress) -> Void

    /// Reads every list, side by side, and proves that they are complete.
    /// - Returns: what keeps the run from being complete.
    func read() async throws -> [String] {
        let found = try await readLists()
        return found.isEmpty ? try await checkComplete() : found
    }

    /// Reads every list, side by side.
    /// - Returns: what keeps the run from being complete; nothing is not yet the proof that it is.
    private func readLists() async throws -> [String] {
        let lists = try await Runs(pool: pool).lists(of: own.run.id)
        var requests: [RunList: ListRequest] = [:]
        for list in lists.keys { requests[list] = try request(list) }
        let found = try await readShared(requests)
        if !found.isEmpty { await release() }
        return found.sorted()
    }

    private func readShared(_ requests: [RunList: ListRequest]) async throws -> [String] {
        let requests = try await Runs(pool: pool).share(
            own.fence, owner: own.reader, leaseSeconds: own.leaseSeconds, requests: requests)
        do {
            return try await withThrowingTaskGroup(of: [String]?.self) { group in
                group.addTask {
                    try await beat()
                    return nil
                }
                for (list, request) in requests { group.addTask { try await read(list, request) } }
                var all: [String] = []
                var left = requests.count
                while left > 0, let ended = try await group.next() {
                    // `nil` is the heartbeat, which a stop ends before the lists.
                    guard let problems = ended else { continue }
                    all += problems
                    left -= 1
                }
                group.cancelAll()
                return all
            }
        } catch {
            await release()
            throw error
        }
    }

    /// Says that this process lives, until it is cancelled or the run is not its own any more. An error of the
    /// connection is no reason to stop: who commits pages meets it as well, and leases last for a while.
    private func beat() async throws {
        while true {
            do {
                try await Task.sleep(for: .seconds(own.leaseSeconds / 3))
            } catch {
                return
            }
            do {
                try await pool.withConnection { connection in
                    try await Runs.extend(
                        own.fence, owner: own.reader, leaseSeconds: own.leaseSeconds, on: connection)
                    try await own.windows.extend(on: connection)
                }
            } catch is PostgresError {}
        }
    }

    /// Gives the windows back. Not under the task that was cancelled: it has to reach the database; where it does not,
    /// the leases end by themselves.
    private func release() async {
        await Task { _ = try? await pool.withConnection { try await own.windows.release(on: $0) } }.value
    }

    private func request(_ list: RunList) throws -> ListRequest {
        guard let client = clients[list.account] else { throw RunError.noAccount(list.account) }
        let filters: [(String, String)] =
            switch list.object {
            case .invoice: invoiceStatus.map { [("status", $0)] } ?? []
            case .event: (eventTypes[list.account] ?? []).sorted().map { ("types[]", $0) }
            case .paymentIntent, .invoicePayment: []
            }
        return ListRequest(
            filters: filters, apiVersion: client.account.apiVersion, writesPayments: paymentLists.contains(list))
    }

    /// When the rows were made that name the list's objects, of the table that has most.
    private func times(of list: RunList) async throws -> RowTimes {
        var most = RowTimes.none
        for subject in subjects where subject.account == list.account && subject.object == list.object {
            let times = try await pool.withConnection { try await subject.times(of: own.run.period, on: $0) }
            if times.marks.count > most.marks.count { most = times }
        }
        return most.marks.isEmpty && list.object == .paymentIntent ? try await timesOfOrders(list.account) : most
    }

    /// When the orders of an account were made, whose invoices' intents were made soon after.
    private func timesOfOrders(_ account: String) async throws -> RowTimes {
        guard let job = others.first(where: { $0.side == .orders && $0.accounts.contains(account) }) else {
            return .none
        }
        do {
            let table = try await OrderTable.resolve(for: job, account: account, pool: pool)
            return try await pool.withConnection { try await table.times(of: own.run.period, on: $0) }
        } catch {
            // A hint; what is wrong with the table, its own job says.
            try Task.checkCancellation()
            return .none
        }
    }

    private func read(_ list: RunList, _ request: ListRequest) async throws -> [String] {
        guard let client = clients[list.account] else { throw RunError.noAccount(list.account) }
        do {
            try await ListReading(
                list: list, request: request, client: client, windows: own.windows, pool: pool, waitsForOthers: true,
                times: { try await times(of: list) }, progress: progress
            ).read()
            progress(.read(list))
            return []
        } catch let error as StripeError where error.kind != .cancelled {
            return ["\(error)"]
        } catch let error as ReadingError {
            return ["\(error)"]
        }
    }

    /// The proof of completeness: the windows cover each period without gap or overlap, every one is read to its end,
    /// and every object was staged exactly once.
    /// - Returns: what is missing or there twice.
    private func checkComplete() async throws -> [String] {
        let lists = try await Runs(pool: pool).lists(of: own.run.id)
        let all = try await pool.withConnection { try await own.windows.all(on: $0) }
        let sorted = lists.sorted { "\($0.key)" < "\($1.key)" }
        let gaps = sorted.flatMap { list, period in Windows.gaps(in: all, list: list, period: period) }
        // What is asked of events needs no statistics.
        async let analyzed: Void = analyze(Set(lists.keys.map(\.object)).subtracting([.event]))
        let counts = try await atOnce(sorted.map(\.key), Self.countsAtOnce) { try await miscount($0) }
        try await analyzed
        return gaps + counts.flatMap(\.self)
    }

    private func analyze(_ objects: Set<ListedObject>) async throws {
        for object in objects {
            try await pool.withConnection { try await StagingTable(object, runID: own.run.id).analyze(on: $0) }
        }
    }

    /// Each keeps a processor of the database busy.
    private static let countsAtOnce = 3

    /// What is wrong with the number of objects that are staged of a list.
    private func miscount(_ list: RunList) async throws -> [String] {
        try await pool.withConnection { connection in
            let staged = StagingTable(list.object, runID: own.run.id)
            let count = try await staged.count(account: list.account, on: connection)
            let counted = try await own.windows.objectCount(list, on: connection)
            var problems: [String] = []
            if count.rows != count.distinct {
                problems.append("\(list.account): \(count.rows - count.distinct) \(list.object.plural) were read twice")
            }
            // After a fresh read of a resumed run the staged rows are not those of the pages any more.
            if count.fresh == 0, count.rows != counted {
                problems.append(
                    "\(list.account): \(counted) \(list.object.plural) were listed, \(count.rows) are staged")
            }
            return problems
        }
    }
}
