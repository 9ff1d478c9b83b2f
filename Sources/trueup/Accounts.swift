import Curl
import Foundation
import Jobs
import Runner
import Store
import Stripe

/// Clients for the accounts of some jobs, with their keys from the environment.
struct Accounts: Sendable {
    let http: HTTPClient
    let clients: [String: StripeClient]

    /// - Parameters:
    ///   - names: the accounts that are needed; the keys of others are not looked at.
    ///   - http: what they share, closed by who gave it; without one, a client of their own, closed with the accounts.
    ///   - retry: how long a request is repeated.
    ///   - budget: who counts an account's requests; this process by itself, unless told otherwise.
    static func open(
        _ names: [String], settings: Settings, environment: [String: String] = ProcessInfo.processInfo.environment,
        http: HTTPClient = HTTPClient(), retry: RetryPolicy = .standard,
        budget: (String, RateLimits) -> RequestBudget = { .local($1) }
    ) throws -> Accounts {
        var clients: [String: StripeClient] = [:]
        for name in names {
            let account = try Self.settings(of: name, in: settings)
            let found: Secrets.Found
            do {
                found = try Secrets.find(account.secretKeyEnv, environment: environment)
            } catch {
                throw CommandError("Account \(name): \(error).")
            }
            for warning in found.warnings { Terminal.warn("\(warning)") }
            let rate = account.limits
            clients[name] = StripeClient(
                account: Account(
                    name: name, secretKey: found.secret, apiVersion: account.apiVersion, apiBase: account.apiBase,
                    mode: account.mode.flatMap { Stripe.AccountMode(rawValue: $0.rawValue) },
                    accountID: account.accountID, rate: rate),
                http: http, budget: budget(name, rate), retry: retry)
        }
        return Accounts(http: http, clients: clients)
    }

    /// What the settings say of an account.
    static func settings(of name: String, in settings: Settings) throws -> AccountSettings {
        guard let account = settings.account(named: name) else {
            let names = settings.accounts.map(\.name).joined(separator: ", ")
            throw CommandError("settings.yaml has no account \(name). It has: \(names).")
        }
        return account
    }

    /// Whether any of these accounts' keys is a live one, without looking further than its prefix.
    static func hasLiveKey(_ names: [String], settings: Settings) -> Bool {
        let environment = ProcessInfo.processInfo.environment
        return names.contains { name in
            guard let account = settings.account(named: name) else { return false }
            guard let key = try? Secrets.secret(named: account.secretKeyEnv, environment: environment) else {
                return false
            }
            let text = key.expose()
            return text.hasPrefix("sk_live_") || text.hasPrefix("rk_live_")
        }
    }
}

extension AccountSettings {
    /// What the settings say of the account's rate.
    var limits: RateLimits {
        RateLimits(perSecond: Double(rate.perSecond), perEndpoint: Double(rate.perEndpoint), share: rate.share)
    }
}

extension RunOrigin {
    /// This process, on behalf of the user who started it.
    static func here(_ trigger: RunTrigger) -> RunOrigin {
        let host = ProcessInfo.processInfo.hostName
        return RunOrigin(
            trigger: trigger, requestedBy: "\(NSUserName())@\(host)", host: host,
            processID: ProcessInfo.processInfo.processIdentifier, programVersion: Trueup.version)
    }
}
