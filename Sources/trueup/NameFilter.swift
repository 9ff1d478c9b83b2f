import Foundation
import Jobs
import PostgreSQL
import Schedule
import Store

/// Holds names of filters against what there is: one that is misspelt must not look like one without findings.
struct NameFilter {
    /// The job files, where they are there and right; history can be read without them.
    let set: JobSet?
    let pool: Pool

    /// - Throws: ``CommandError`` with code 64 and the nearest name.
    func check(job: String?, account: String? = nil) async throws {
        if let job {
            let known = Set(try await KnownNames.jobs(pool: pool)).union(set?.jobs.map(\.name) ?? [])
            try check(job, among: known, "job")
        }
        if let account {
            let known = Set(try await KnownNames.accounts(pool: pool)).union(set?.settings.accounts.map(\.name) ?? [])
            try check(account, among: known, "account")
        }
    }

    private func check(_ name: String, among known: Set<String>, _ noun: String) throws {
        guard !known.contains(name) else { return }
        let all = known.sorted()
        let near = nearestWord(to: name, among: all).map { " Did you mean \($0)?" } ?? ""
        let list = all.isEmpty ? " None has run yet." : " There are: \(all.joined(separator: ", "))."
        throw CommandError("There is no \(noun) “\(printable(name))”.\(near)\(list)", code: 64)
    }
}
