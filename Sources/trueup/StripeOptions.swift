import ArgumentParser
import Foundation
import Jobs
import PostgreSQL
import Runner
import Stripe

/// What every command at Stripe needs: the account, in so many words, and a confirmation where money is real.
struct StripeOptions: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("The account of the settings: there is no default.", valueName: "name"))
    var account: String

    @Option(
        name: .customLong("yes-live"),
        help: ArgumentHelp("Confirms a change in live mode: the account's name again.", valueName: "name"))
    var yesLive: String?

    @Option(
        name: .long,
        help: ArgumentHelp("Repeats a request that was sent before: the same key, the same outcome.", valueName: "key"))
    var key: String?

    @Flag(name: .long, help: "One JSON document on stdout.")
    var json = false

    @OptionGroup var files: JobOptions
    /// On all of them, so that one line of options fits every step; only some have a row to write.
    @OptionGroup var databaseOptions: DatabaseOptions

    /// Runs `body` with the account's client and prints its reply. Before anything is changed, the key has to be that
    /// of the account that runs have known under this name.
    /// - Parameter isReading: what only reads needs no confirmation, and no database.
    /// - Throws: `AccountChanged`.
    func run(
        _ action: String, isReading: Bool = false, _ body: (StripeClient) async throws -> StripeReply
    ) async throws {
        try await opened(action, isReading: isReading) { client, set in
            if !isReading, try await mayBeKnown(set) { try await withPool(client, set) { _ in } }
            return try await body(client)
        }
    }

    private func opened(
        _ action: String, isReading: Bool, _ body: (StripeClient, JobSet) async throws -> StripeReply
    ) async throws {
        let set = try files.load()
        let accounts = try Accounts.open([account], settings: set.settings)
        do {
            guard let client = accounts.clients[account] else { throw CommandError("No client for \(account).") }
            let mode = try await client.verify().mode
            if !isReading { try confirm(action, mode) }
            let reply = try await body(client, set)
            Terminal.print(json ? try reply.json(account: account, mode: mode.rawValue) : reply.text)
        } catch {
            await accounts.http.close()
            throw error
        }
        await accounts.http.close()
    }

    /// The same with a pool of the database that the tables are in, which is closed at the end.
    func runWithPool(
        _ action: String, _ body: (StripeClient, JobSet, Pool) async throws -> StripeReply
    ) async throws {
        try await opened(action, isReading: false) { client, set in
            try await withPool(client, set) { try await body(client, set, $0) }
        }
    }

    /// Runs `body` with a pool, once the key is held to the account of its name.
    private func withPool<T: Sendable>(
        _ client: StripeClient, _ set: JobSet, _ body: (Pool) async throws -> T
    ) async throws -> T {
        let isLive = Accounts.hasLiveKey([account], settings: set.settings)
        return try await Database.with(databaseOptions, settings: set.settings, hasLiveKey: isLive) { database in
            try await Pool.with(database.target, size: 2, applicationName: "trueup stripe") { pool in
                try await client.verifyKnown(account, pool: pool)
                return try await body(pool)
            }
        }
    }

    /// Whether a run may have known the account: with a test key, and where no database was ever made, none has. With a
    /// live key one has to be named.
    private func mayBeKnown(_ set: JobSet) async throws -> Bool {
        if Accounts.hasLiveKey([account], settings: set.settings) { return true }
        return try await Database.exists(databaseOptions, settings: set.settings)
    }

    /// In live mode a person types the account's name, or a script says it again.
    private func confirm(_ action: String, _ mode: Stripe.AccountMode) throws {
        guard mode == .live else { return }
        if let yesLive {
            guard yesLive == account else {
                throw CommandError("--yes-live says \(yesLive), --account says \(account). Nothing was done.", code: 64)
            }
            return
        }
        guard Terminal.stderrIsTerminal, isatty(STDIN_FILENO) == 1 else {
            throw CommandError(
                "Account \(account) is live. Say --yes-live \(account) to \(action). Nothing was done.", code: 64)
        }
        Terminal.write("Account \(account) is live. Type its name to \(action): ", to: STDERR_FILENO)
        guard readLine() == account else { throw CommandError("That is not its name. Nothing was done.") }
    }
}

/// A command at Stripe: its options lead to its files and its database.
protocol StripeUsing: DatabaseUsing {
    var options: StripeOptions { get }
}

extension StripeUsing {
    var files: JobOptions { options.files }
    var databaseOptions: DatabaseOptions { options.databaseOptions }
}

/// `key=value` pairs for an object's metadata.
struct MetadataOptions: ParsableArguments {
    @Option(
        name: .long, help: ArgumentHelp("A pair for the object's metadata; may be given again.", valueName: "key=value")
    )
    var metadata: [String] = []

    func pairs() throws -> [(String, String)] {
        try metadata.map { text in
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty else {
                throw CommandError("--metadata “\(text)” is not key=value.", code: 64)
            }
            return (String(parts[0]), String(parts[1]))
        }
    }
}

/// What a command at Stripe answers: fields of one object, or of several.
struct StripeReply {
    enum Value: Encodable {
        case text(String?)
        case number(Int64?)

        var words: String {
            switch self {
            case .text(let text): text ?? "–"
            case .number(let number): number.map(String.init) ?? "–"
            }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .text(let text): try container.encode(text)
            case .number(let number): try container.encode(number)
            }
        }
    }

    private struct Document: Encodable {
        var format = "trueup.stripe/1"
        var account: String
        var mode: String
        var objects: [[String: Value]]
    }

    var objects: [[(String, Value)]]

    init(_ fields: [(String, Value)]) { objects = [fields] }
    init(list: [[(String, Value)]]) { objects = list }

    /// One line for each field; an empty line between objects.
    var text: String {
        guard !objects.isEmpty else { return "There are none." }
        return objects.map { fields in
            let width = fields.map(\.0.count).max() ?? 0
            return fields.map { name, value in
                name + String(repeating: " ", count: width - name.count + 2) + printable(value.words)
            }.joined(separator: "\n")
        }.joined(separator: "\n\n")
    }

    func json(account: String, mode: String) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let document = Document(
            account: account, mode: mode, objects: objects.map { Dictionary($0.map { ($0.0, $0.1) }) { $1 } })
        return String(decoding: try encoder.encode(document), as: UTF8.self)
    }
}

extension StripeReply {
    init(_ invoice: Retrieved<Invoice>) {
        let value = invoice.value
        self.init([
            ("invoice", .text(value.id)), ("status", .text(value.status.text)), ("number", .text(value.number)),
            ("customer", .text(value.customer)), ("total", .number(value.total)), ("currency", .text(value.currency)),
            ("due_seconds", .number(value.dueDateSeconds)), ("hosted_invoice_url", .text(value.hostedInvoiceURL)),
            ("request", .text(invoice.requestID)),
        ])
    }

    init(_ customer: Retrieved<Customer>) {
        let value = customer.value
        self.init([
            ("customer", .text(value.id)), ("name", .text(value.name)), ("email", .text(value.email)),
            ("default_payment_method", .text(value.defaultPaymentMethod)), ("request", .text(customer.requestID)),
        ])
    }

    static func fields(_ method: PaymentMethod) -> [(String, Value)] {
        [
            ("payment_method", .text(method.id)), ("type", .text(method.type)), ("words", .text(method.words)),
            ("customer", .text(method.customer)),
        ]
    }
}
