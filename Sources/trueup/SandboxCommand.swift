import ArgumentParser
import Foundation
import Sandbox

struct SandboxCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sandbox",
        abstract: "Serves a stand-in for the Stripe API on loopback: three accounts, seeded, with faults when asked.",
        discussion: """
            The keys are sk_test_sandbox_default, sk_test_sandbox_medflyt and sk_test_sandbox_task_health. Set \
            api_base of the accounts in jobs/settings.yaml to the address that is printed. With --webhooks it sends \
            events to a trueup serve on this machine, signed with whsec_sandbox_default, whsec_sandbox_medflyt and \
            whsec_sandbox_task_health. Its clock is the machine's and goes on with it: drafts with auto_advance are \
            finalized after their hour. With --now it stands still.
            """)

    @Option(name: .long, help: "The port on 127.0.0.1; 0 takes a free one.")
    var port = 12111

    @Option(name: .long, help: "The same seed gives the same objects.")
    var seed: UInt64 = 1

    @Option(name: .long, help: "Invoices of each account.")
    var invoices = 20_000

    @Option(name: .long, help: "The days over which they are spread.")
    var days = 400

    @Option(name: .long, help: ArgumentHelp("Stripe's rate limits, or none.", valueName: "documented|none"))
    var rateLimits = "documented"

    @Option(name: .long, help: "How long each answer takes, in milliseconds.")
    var latencyMs = 0.0

    @Option(name: .long, help: "At most so many milliseconds more, by chance.")
    var jitterMs = 0.0

    @Option(
        name: .long, help: ArgumentHelp("Faults by chance, such as 429=0.02. Can be repeated.", valueName: "kind=rate"))
    var fault: [String] = []

    @Option(name: .long, help: "Threads that serve.")
    var threads = 1

    @OptionGroup var webhooks: SandboxWebhookOptions

    @Flag(name: .long, help: "The three accounts are the demo's histories, with everything planted.")
    var demo = false

    @Option(
        name: .long,
        help: ArgumentHelp(
            "What Task Health's account holds: invoices of every kind, or credit orders with nothing planted; or "
                + "credit orders on every account.",
            valueName: "plain|credits|all-credits"))
    var history = History.plain

    @Option(
        name: .long,
        help: ArgumentHelp("How objects are spread over the days: evenly, or half in 2 %.", valueName: "even|bursts"))
    var skew = SandboxSkew.even

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The stand-in's time in Unix seconds, at which it stands still; the same seed and time give the same "
                + "objects on another day. Without it, it is now and goes on.",
            valueName: "seconds"))
    var now: Int64?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "For measurements: what the accounts hold, one invoice a line, is written there before anything is served.",
            valueName: "file"))
    var listing: String?

    enum History: String, ExpressibleByArgument, CaseIterable {
        case plain, credits
        case allCredits = "all-credits"
    }

    func validate() throws {
        guard (0...65_535).contains(port) else { throw ValidationError("--port takes 0 to 65535.") }
        guard (0...100_000_000).contains(invoices) else { throw ValidationError("--invoices takes 0 to 100000000.") }
        guard (1...3_000).contains(days) else { throw ValidationError("--days takes 1 to 3000.") }
        guard latencyMs >= 0, jitterMs >= 0 else { throw ValidationError("A latency is not negative.") }
    }

    func run() async throws {
        let isFixed = now != nil
        let now = now ?? Int64(Date().timeIntervalSince1970)
        var faults = SandboxFaults(seed: seed)
        for flag in fault { try faults.add(flag: flag) }
        let configuration = SandboxConfiguration(
            accounts: try accounts(now), clockSeconds: now, limits: try SandboxLimits(flag: rateLimits),
            latency: SandboxLatency(fixedMilliseconds: latencyMs, jitterMilliseconds: jitterMs, seed: seed),
            faults: faults, threads: threads, clockRuns: !isFixed)
        let server = try await SandboxServer.start(configuration, port: port)
        do {
            if let listing { try write(configuration.accounts.map(\.name), of: server, to: listing) }
            try webhooks.subscribe(server)
        } catch {
            await server.stop()
            throw error
        }
        Terminal.print(server.url)
        Terminal.say("Serving \(configuration.accounts.map(\.name).joined(separator: ", ")). Ctrl-C stops.")
        do {
            try await Signals.cancelling {
                while true { try await Task.sleep(for: .seconds(3_600)) }
            }
        } catch is CancellationError {
            await server.stop()
            let statistics = server.statistics
            let refused = statistics.accounts.values.map(\.refused).reduce(0, +)
            Terminal.say("Requests: \(statistics.total), \(refused) refused by a rate limit.")
            for (account, served) in statistics.accounts.sorted(by: { $0.key < $1.key }) {
                for (endpoint, requests) in served.requests.sorted(by: { $0.key < $1.key }) {
                    Terminal.say("  \(account) \(endpoint): \(requests)")
                }
            }
            webhooks.sum(server)
        }
    }

    private func accounts(_ now: Int64) throws -> [SandboxAccount] {
        guard !demo else { return try DemoHistory(seed: seed, nowSeconds: now).accounts }
        func plain(_ offset: UInt64) -> SandboxHistory {
            .plain(
                seed: seed + offset, invoices: invoices, paymentIntents: invoices,
                fromSeconds: now - Int64(days) * 86_400, toSeconds: now - 600, skew: skew)
        }
        func credits(_ account: SandboxAccount) throws -> SandboxHistory {
            .credits(
                try CreditHistory(
                    seed: seed, orders: invoices, agencies: DemoHistory.agencies, nowSeconds: now,
                    accountID: account.accountID, skew: skew))
        }
        let onAll = history == .allCredits
        return [
            .default(history: onAll ? try credits(.default()) : plain(0)),
            .medflyt(history: onAll ? try credits(.medflyt()) : plain(1)),
            .taskHealth(history: history == .plain ? plain(2) : try credits(.taskHealth())),
        ]
    }

    /// Tab-separated, `\N` where there is nothing: account, id, status, created, currency, total, customer, the order's
    /// and the agency's id, when it was paid, and when its payment intent was made.
    private func write(_ accounts: [String], of server: SandboxServer, to path: String) throws {
        guard FileManager.default.createFile(atPath: path, contents: nil),
            let file = FileHandle(forWritingAtPath: path)
        else { throw CommandError("\(path) cannot be written.") }
        defer { try? file.close() }
        for account in accounts {
            var lines: [String] = []
            for invoice in try server.world(of: account).allInvoices() {
                let intentSeconds = invoice.paymentIntentID == nil ? nil : invoice.finalizedSeconds
                let fields: [String?] = [
                    account, invoice.id, invoice.status.rawValue, "\(invoice.createdSeconds)", invoice.currency,
                    "\(invoice.total)", invoice.customerID, invoice.metadata["order_id"],
                    invoice.metadata["agency_id"], invoice.paidSeconds.map { "\($0)" },
                    intentSeconds.map { "\($0)" },
                ]
                lines.append(fields.map { $0 ?? "\\N" }.joined(separator: "\t") + "\n")
                if lines.count == 10_000 {
                    try file.write(contentsOf: Data(lines.joined().utf8))
                    lines.removeAll(keepingCapacity: true)
                }
            }
            try file.write(contentsOf: Data(lines.joined().utf8))
        }
    }
}

extension SandboxSkew: ExpressibleByArgument {}
