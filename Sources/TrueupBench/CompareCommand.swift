import ArgumentParser
import Foundation
import PostgreSQL
import Reconciliation
import Store

/// The comparison of staged invoices with credit orders alone, as a run makes it, on tables that are there already.
struct CompareCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Compares what is staged of one run with the credit orders, as one document of JSON.")

    @Option(help: "The database, as a URL.")
    var database: String

    @Option(help: "The run whose staging tables are compared.")
    var run: Int64

    @Option(help: "The clock of the comparison, in Unix seconds.")
    var now: Int64

    @Option(help: "How many differences are held until they are looked up.")
    var candidates = 50_000

    func run() async throws {
        let pool = Pool(try ConnectionTarget(database), size: 2, applicationName: "trueup bench compare")
        // Opened before the clock starts, as a run's are.
        try await pool.withConnection { _ in try await pool.withConnection { _ in } }
        let servers = try await pool.withConnection { connection in
            try await connection.query(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'trueup bench compare'"
            ).map { try $0["pid"] as Int32 }
        }
        let before = try ProcessorTime.seconds(of: servers)
        let start = ContinuousClock.now
        let seen = Seen()
        let count = try await pool.withConnection { connection in
            let table = try await OrderTable.resolve(
                schema: "public", table: "task_credit_stripe_invoice", columns: [:],
                customerColumn: "taskHealthStripeCustomerId", on: connection)
            let diff = InvoiceDiff(
                staged: StagingTable(.invoice, runID: self.run), reversals: StagedReversals(runID: self.run),
                table: table, account: "task_health", period: Window(fromSeconds: 0, toSeconds: now),
                rules: InvoiceRules(nowSeconds: now, staleAfterSeconds: 7 * 86_400, creditPrice: 20_000),
                settleSeconds: 300, candidatesMax: candidates, halves: JoinHalves(pool: pool))
            return try await diff.run(
                on: connection, alsoRead: [], alsoRows: [], isLast: { true }, { await seen.add($0) })
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let spent = try ProcessorTime.seconds(of: servers) - before
        await pool.close()
        let document = ComparisonMeasurement(
            staged: count.staged, local: count.rows, agreed: (count.agreed ?? [:]).values.map(\.count).reduce(0, +),
            matched: await seen.matched, alone: await seen.alone, rows: await seen.rows, seconds: seconds,
            postgresCPU: spent)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        print(String(decoding: try encoder.encode(document), as: UTF8.self))
    }
}

/// What the comparison visited, by which sides there are.
private actor Seen {
    private(set) var matched = 0
    private(set) var alone = 0
    private(set) var rows = 0

    func add(_ pairs: [DifferingPair]) {
        for found in pairs {
            switch (found.pair.existingStripeID, found.pair.rowKey) {
            case (.some, .some): matched += 1
            case (.some, nil): alone += 1
            default: rows += 1
            }
        }
    }
}

private struct ComparisonMeasurement: Encodable {
    let staged: Int64
    let local: Int64
    let agreed: Int64
    /// Pairs that were visited: both sides, Stripe's alone, the local one alone.
    let matched: Int
    let alone: Int
    let rows: Int
    let seconds: Double
    /// Seconds of both connections' server processes.
    let postgresCPU: Double

    enum CodingKeys: String, CodingKey {
        case staged, local, agreed, matched, alone, rows, seconds
        case postgresCPU = "postgres_cpu"
    }
}

/// What processes of this machine have used of its processors.
private enum ProcessorTime {
    static func seconds(of processes: [Int32]) throws -> Double { try processes.map(seconds(of:)).reduce(0, +) }

    /// User and system time: <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>, fields 14 and 15.
    private static func seconds(of process: Int32) throws -> Double {
        let path = "/proc/\(process)/stat"
        guard let bytes = FileManager.default.contents(atPath: path),
            let end = bytes.lastIndex(of: UInt8(ascii: ")"))
        else { throw ValidationError("\(path) cannot be read: the database must be on this machine.") }
        let fields = String(decoding: bytes[end...].dropFirst(2), as: UTF8.self).split(separator: " ")
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else {
            throw ValidationError("\(path) is not what it should be.")
        }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
}
