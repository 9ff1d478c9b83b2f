import Jobs
import Runner
import Stripe

/// Whether the webhooks of an account can reach `trueup serve`: as far as that can be known from here.
struct WebhookCheck {
    let name: String
    let settings: Settings
    let tables: LiveTables.OfAccount

    /// What there is to say, a line each. Nothing of it is an error: webhooks are taken in by `serve` alone, and who
    /// does not run it needs none.
    /// - Throws: where a secret is named and cannot be used.
    func lines() async throws -> [String] {
        let account = try Accounts.settings(of: name, in: settings)
        guard !tables.webhookTypes.isEmpty else { return [] }
        var lines = [try secretLine(account)]
        let accounts = try Accounts.open([name], settings: settings)
        defer { Task { await accounts.http.close() } }
        guard let client = accounts.clients[name] else { return lines }
        do {
            lines += endpointLines(try await client.webhookEndpoints())
        } catch {
            lines.append("whether Stripe sends them to \(tables.webhookPath) cannot be known: \(error.words)")
        }
        return lines
    }

    private func secretLine(_ account: AccountSettings) throws -> String {
        let names = [account.webhookSecretEnv, account.webhookSecretOtherEnv].compactMap { $0 }
        guard !names.isEmpty else {
            return "settings.yaml names no webhook_secret_env: trueup serve refuses its webhooks"
        }
        let count = try LiveAccounts.secrets(account).count
        guard count > 0 else {
            return "\(names.joined(separator: ", ")) is not set: trueup serve refuses its webhooks"
        }
        // The secret of an endpoint is shown once, when it is made: no call compares it.
        return
            "\(counted(count, "signing secret")) set (\(names.joined(separator: ", "))); whether it is Stripe's, only "
            + "an event tells"
    }

    private func endpointLines(_ all: [WebhookEndpoint]) -> [String] {
        let path = tables.webhookPath
        let fitting = all.filter { $0.path.hasSuffix(path) }
        guard !fitting.isEmpty else {
            return [
                "Stripe has \(all.isEmpty ? "no endpoint" : counted(all.count, "endpoint") + ", none") whose URL ends "
                    + "with \(path)"
            ]
        }
        return fitting.map { endpoint in
            let missing = endpoint.missing(of: tables.webhookTypes)
            if endpoint.status != "enabled" { return "Stripe's endpoint \(endpoint.url) is \(endpoint.status)" }
            return missing.isEmpty
                ? "Stripe sends \(tables.webhookTypes.joined(separator: ", ")) to \(endpoint.url)"
                : "Stripe's endpoint \(endpoint.url) lacks \(missing.joined(separator: ", "))"
        }
    }
}

extension StripeError {
    /// Why something could not be asked, in a few words.
    fileprivate var words: String {
        kind == .permission ? "the key may not list webhook endpoints" : message
    }
}
