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
        let connection = try await Connection.open(
            try ConnectionTarget(database), applicationName: "trueup bench compare")
        let server = await connection.backendPID
        let before = try ProcessorTime.seconds(of: server)
        let start = ContinuousClock.now
        let seen = Seen()
        let table = try await OrderTable.resolve(
            schema: "public", table: "task_credit_stripe_invoice", columns: [:],
            customerColumn: "taskHealthStripeCustomerId", on: connection)
        let diff = InvoiceDiff(
            staged: StagingTable(.invoice, runID: self.run), reversals: StagedReversals(runID: self.run), table: table,
            account: "task_health", period: Window(fromSeconds: 0, toSeconds: now),
            rules: InvoiceRules(nowSeconds: now, staleAfterSeconds: 7 * 86_400, creditPrice: 20_000),
            settleSeconds: 300, candidatesMax: candidates)
        let count = try await diff.run(
            on: connection, alsoRead: [], alsoRows: [], isLast: { true }, { await seen.add($0) })
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let spent = try ProcessorTime.seconds(of: server) - before
        await connection.close()
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
    /// Seconds of the connection's server process.
    let postgresCPU: Double

    enum CodingKeys: String, CodingKey {
        case staged, local, agreed, matched, alone, rows, seconds
        case postgresCPU = "postgres_cpu"
    }
}

/// What a process of this machine has used of a processor.
private enum ProcessorTime {
    /// User and system time: <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>, fields 14 and 15.
    static func seconds(of process: Int32) throws -> Double {
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
