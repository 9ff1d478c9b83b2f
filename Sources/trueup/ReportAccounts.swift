import Foundation
import Jobs
import PostgreSQL
import Reports
import Store

/// The accounts that a report covers. A report says LIVE or TEST of each, so that has to be known.
enum ReportAccounts {
    static func of(_ job: ReportJob, _ definition: JobDefinition, _ set: JobSet) throws -> [ReportAccount] {
        var names = job.accounts
        if names.isEmpty {
            let after = set.jobs.filter { definition.after.contains($0.name) }
            let resting = after.isEmpty ? set.jobs.filter { if case .report = $0.kind { false } else { true } } : after
            names = Array(Set(resting.flatMap(\.kind.accounts))).sorted()
        }
        if names.isEmpty { names = set.settings.accounts.map(\.name) }
        return try names.map { name in
            let account = try Accounts.settings(of: name, in: set.settings)
            return ReportAccount(name: name, stripeID: account.accountID, isLive: try isLive(account))
        }
    }

    /// What the settings say; otherwise what the key's prefix says.
    private static func isLive(_ account: AccountSettings) throws -> Bool {
        if let mode = account.mode { return mode == .live }
        let key = try? Secrets.secret(
            named: account.secretKeyEnv, environment: ProcessInfo.processInfo.environment)
        guard let text = key?.expose(), let word = text.split(separator: "_").dropFirst().first else {
            throw CommandError(
                "Whether account \(account.name) is LIVE or TEST is not known, and a report has to say it: set its "
                    + "mode in settings.yaml, or \(account.secretKeyEnv) in the environment.")
        }
        return word == "live"
    }

    /// With the ids that runs have learned, for the links to the dashboard.
    static func withIDs(_ accounts: [ReportAccount], pool: Pool) async throws -> [ReportAccount] {
        var known: [ReportAccount] = []
        for account in accounts {
            var account = account
            if account.stripeID == nil {
                let name = account.name
                account.stripeID = try await pool.withConnection { try await KnownAccounts.accountID(of: name, on: $0) }
            }
            known.append(account)
        }
        return known
    }
}
