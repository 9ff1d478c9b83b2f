import ArgumentParser
import Curl
import Foundation
import Jobs
import PostgreSQL
import Runner
import Service
import Stripe

struct ServeCommand: AsyncParsableCommand, DatabaseUsing {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Takes webhooks in, places credit orders, shows the status, until it is stopped.",
        discussion: """
            POST /stripe/webhook and /stripe/credits-webhook for Stripe; the credit orders below /rn/agencies; / for \
            people with a token; /healthz, /readyz and /metrics for machines. /metrics asks for no token: keep the \
            address on the loopback, or behind a proxy that hides it.
            """)

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Where to listen; beyond this machine only where an address says so. (default: 127.0.0.1:8080)",
            valueName: "host:port"),
        transform: ListenAddress.argument)
    var listen = ListenAddress.loopback(port: 8080)

    @Flag(
        name: .customLong("behind-tls"),
        help: "People come by a proxy that speaks TLS: the status page's cookie is sent by TLS alone.")
    var isBehindTLS = false

    @Flag(name: .long, help: "Print the OpenAPI document of the endpoints, and end.")
    var openapi = false

    @OptionGroup var log: LogOptions
    @OptionGroup var files: JobOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func run() async throws {
        if openapi { return Terminal.print(OpenAPIDocument.json.trimmingCharacters(in: .newlines)) }
        let set = try files.load()
        log.start(isDaemon: true)
        let names = set.settings.accounts.map(\.name)
        let isLive = Accounts.hasLiveKey(names, settings: set.settings)
        try await Database.with(databaseOptions, settings: set.settings, hasLiveKey: isLive) { database in
            try await serve(listen, set, database.target)
        }
    }

    private func serve(_ address: ListenAddress, _ set: JobSet, _ target: ConnectionTarget) async throws {
        var configuration = HTTPClient.Configuration()
        configuration.connectTimeoutMilliseconds = 5_000
        configuration.timeoutMilliseconds = 20_000
        let http = HTTPClient(configuration)
        let budgets = AccountBudgets(target)
        do {
            let book = try JobBook.directory(files.jobs)
            let accounts = try await LiveAccounts.open(set, book, target: target, http: http, budgets: budgets)
            var setup = LiveService.Setup(
                listen: address, accounts: accounts, jobs: set, canSend: set.settings.delivery.email != nil,
                logger: log.logger("trueup"), now: { Int64(Date().timeIntervalSince1970) })
            setup.isBehindTLS = isBehindTLS
            setup.beside = { pool in
                async let reading: Void = Self.readAgain(book)
                await OutboxDaemon(pool: pool, saysUnread: true) { set.settings }.run()
                await reading
            }
            let service = try await LiveService.open(setup, target: target)
            let announcement = Task {
                guard let port = await service.port() else { return }
                Terminal.say("serving at http://\(address.with(port: port))")
            }
            defer { announcement.cancel() }
            try await service.run(
                stoppingOn: Signals.isHangUpIgnored ? [.sigterm, .sigint] : [.sigterm, .sigint, .sighup])
        } catch {
            await budgets.close()
            await http.close()
            throw error
        }
        await budgets.close()
        await http.close()
        Terminal.say("stopped")
    }

    /// Looks for changed files every few seconds: of these the accounts' rates count at once, everything else with the
    /// next start.
    private static func readAgain(_ book: JobBook) async {
        while !Task.isCancelled {
            switch book.reload() {
            case .unchanged: break
            case .changed:
                Terminal.say("the job files have changed: rates count now, everything else with the next start")
            case .refused(let errors): Terminal.warn("the job files are wrong, and nothing of them counts:\n\(errors)")
            }
            do { try await Task.sleep(for: .seconds(5)) } catch { return }
        }
    }
}

/// The accounts whose webhooks are served, with their keys and secrets from the environment.
enum LiveAccounts {
    /// Accounts that no reconcile job compares with a table have no webhooks here. Of the others, one whose signing
    /// secret is not set is served without webhooks, which is said.
    /// - Parameters:
    ///   - book: the files as they are now, for the accounts' rates.
    ///   - budgets: the accounts' limits, which are shared with the runs of the night.
    static func open(
        _ set: JobSet, _ book: JobBook, target: ConnectionTarget, http: HTTPClient, budgets: AccountBudgets
    ) async throws -> [LiveAccount] {
        let tables = try await Pool.with(target, applicationName: "trueup serve start") {
            try await LiveTables.resolve(set.jobs, pool: $0)
        }
        // Somebody waits for the answer, and asks again: Stripe, or a caller with an Idempotency-Key.
        var retry = RetryPolicy.standard
        retry.maxTotalSeconds = 15
        retry.maxRateLimitedAttempts = 4
        var accounts: [LiveAccount] = []
        for settings in set.settings.accounts {
            guard let found = tables.byAccount[settings.name],
                found.orders != nil || found.charges != nil || found.notices != nil
            else { continue }
            let opened = try Accounts.open([settings.name], settings: set.settings, http: http, retry: retry) {
                name, limits in
                budgets.live(of: name) { book.jobs.settings.account(named: name)?.limits ?? limits }
            }
            guard let client = opened.clients[settings.name] else { continue }
            let secrets = try secrets(settings)
            if secrets.isEmpty {
                Terminal.say("\(settings.name): no webhook signing secret is set, so its webhooks are refused")
            }
            if let other = accounts.first(where: { !Set($0.secrets).isDisjoint(with: secrets) }) {
                throw CommandError(
                    "Accounts \(other.name) and \(settings.name) have the same webhook signing secret, so that a "
                        + "webhook of one would be taken for the other's. Each endpoint at Stripe has its own: see "
                        + "webhook_secret_env of the accounts in settings.yaml.")
            }
            accounts.append(LiveAccount(name: settings.name, secrets: secrets, tables: found, client: client))
        }
        guard accounts.contains(where: { !$0.secrets.isEmpty }) else {
            let names = set.settings.accounts.compactMap(\.webhookSecretEnv).joined(separator: ", ")
            throw CommandError(
                "No account has a webhook signing secret. Set "
                    + (names.isEmpty ? "webhook_secret_env of an account in settings.yaml." : "one of \(names)."))
        }
        return accounts
    }

    /// The account's signing secrets, as far as they are set.
    static func secrets(_ account: AccountSettings) throws -> [Secret] {
        let environment = ProcessInfo.processInfo.environment
        var secrets: [Secret] = []
        for name in [account.webhookSecretEnv, account.webhookSecretOtherEnv] {
            guard let name else { continue }
            do {
                let found = try Secrets.find(name, environment: environment)
                for warning in found.warnings { Terminal.say("warning: \(warning)") }
                secrets.append(found.secret)
            } catch {
                switch error {
                case .unset, .empty: continue
                default: throw CommandError("Account \(account.name): \(error).")
                }
            }
        }
        return secrets
    }
}
