import Foundation
import Sandbox
import Testing

@Suite("Commands that are advised can be given as they stand", .timeLimit(.minutes(5)))
struct AdviceTests {
    private static let files = ["--jobs", "./jobs"]

    @Test("a run that could not read everything is given again as it was, and no list of findings counts before that")
    func incomplete() async throws {
        let failing = SandboxFaults(
            scripts: (1...600).map { .init(.html, occurrence: $0, pathContains: "/v1/invoices") })
        try await Scene.with(orders: 60, plants: [:], faults: failing) { scene in
            let words = "INCOMPLETE"
            let plan = try await scene.program.run(["run", Scene.job, "--plan", "--plans", "kept"] + Self.files)
            #expect(plan.status == 3 && plan.output.contains(words), "\(plan.everything)")
            let again = "then: trueup run \(Scene.job) --plan --plans kept --jobs ./jobs\n"
            #expect(plan.output.hasSuffix(again), "\(plan.output)")
            let range = ["--from", "2020-01-01", "--to", "2020-01-02T12:00:00Z", "--account", "task_health"]
            let backfill = try await scene.program.run(["backfill", Scene.job] + range + Self.files)
            #expect(backfill.status == 3 && backfill.output.contains(words), "\(backfill.everything)")
            let whole = "then: trueup backfill \(Scene.job) \(range.joined(separator: " ")) --jobs ./jobs\n"
            #expect(backfill.output.hasSuffix(whole), "\(backfill.output)")
            let lists: [(options: [String], words: String)] = [
                ([], "no run has compared anything yet"),
                (["--job", Scene.job], "no run of \(Scene.job) has compared anything yet"),
                (["--run", "2"], "run 2 has not compared everything (incomplete)"),
            ]
            for (options, words) in lists {
                let list = try await scene.program.run(["findings", "list"] + options)
                #expect(list.status == 0 && list.talk == "No findings: \(words).\n", "\(list.everything)")
            }
        }
    }

    @Test("a plan keeps no findings, and what waits says how its plan is made here")
    func plans() async throws {
        try await Scene.with(orders: 200, plants: [.paidOpen: 3]) { scene in
            #expect(try await scene.program.run("run", Scene.job, "--plan").status == 2)
            let plan = try await scene.program.run("findings", "list", "--run", "1")
            let words = "Run 1 was a plan: it keeps no findings; its plan file has them.\n"
            #expect(plan.status == 0 && plan.talk == words, "\(plan.everything)")
            try scene.folder.write(
                Scene.jobFile.replacing("max_repairs: 500", with: "max_repairs: 1"), to: "jobs/\(Scene.job).yaml")
            let waits = try await scene.program.run(["run", Scene.job] + Self.files)
            let anew = "trueup run \(Scene.job) --plan --jobs ./jobs makes it anew."
            #expect(waits.status == 2 && waits.output.contains(anew), "\(waits.everything)")
            // What is stored is read by others, whose options nobody knows.
            let stored = try await scene.program.run(["runs", "2"] + Self.files)
            #expect(stored.output.contains(", trueup run \(Scene.job) --plan makes it anew."), "\(stored.everything)")
            let logged = try await scene.program.run(
                ["run", Scene.job, "--json", "--log-format", "json"] + Self.files)
            let document = try JSONSerialization.jsonObject(with: Data(logged.output.utf8)) as? [String: Any]
            let problems = document?["problems"] as? [String] ?? []
            #expect(problems.contains { $0.hasSuffix(anew) }, "\(logged.output)")
            let records = logged.talk.split(separator: "\n").filter { $0.contains("\"message\":\"run problem\"") }
            #expect(records.contains { $0.contains(anew) }, "\(logged.talk)")
            let range = ["--from", "2015-01-01", "--to", "2035-01-01"]
            let filled = try await scene.program.run(["backfill", Scene.job] + range)
            let whole = "trueup backfill \(Scene.job) \(range.joined(separator: " ")) --plan makes it anew."
            #expect(filled.status == 2 && filled.output.contains(whole), "\(filled.everything)")
        }
    }

    @Test("after plans and an apply it is said what is open, and how it gets into the list of findings")
    func onlyPlans() async throws {
        try await Scene.with(orders: 200, plants: [.paidOpen: 2, .openPaid: 1]) { scene in
            let listing = "What is open gets into the list of findings by a run, which repairs what its job lets it: "
            let command = "trueup run \(Scene.job) --jobs ./jobs"
            for _ in 0..<2 { #expect(try await scene.program.run("run", Scene.job, "--plan").status == 2) }
            let planned = try await scene.program.run(["findings", "list"] + Self.files)
            let start = "No findings: only plans have compared anything, and they keep none. The last one, run 2 of "
            let found = "\(Scene.job), found 3 differences, which its plan file has"
            #expect(planned.talk == "\(start)\(found). \(listing)\(command)\n", "\(planned.everything)")
            let names = try FileManager.default.contentsOfDirectory(atPath: scene.folder.path + "/plans")
            let path = "plans/" + (try #require(names.first { $0.hasPrefix("\(Scene.job)-repair-1-") }))
            let applied = try await scene.program.run(["apply", path] + Self.files)
            let words = "\n1 difference of this plan needs a person. \(listing)\(command)\n"
            #expect(applied.status == 0 && applied.output.hasSuffix(words), "\(applied.everything)")
            let since = "\(start)\(found); run 3 has applied a plan since. \(listing)\(command)\n"
            let after = try await scene.program.run(["findings", "list", "--job", Scene.job] + Self.files)
            #expect(after.status == 0 && after.output.isEmpty && after.talk == since, "\(after.everything)")
            let closed = try await scene.program.run("findings", "list", "--state", "closed")
            #expect(closed.output.contains("closed: repaired"), "\(closed.everything)")
            #expect(closed.talk.hasPrefix("These may not be all: only plans have compared "), "\(closed.talk)")
            #expect(try await scene.program.run("run", Scene.job).status == 2)
            let open = try await scene.program.run("findings", "list")
            #expect(open.output.contains("unpaid_in_stripe") && open.talk.isEmpty, "\(open.everything)")
            let none = try await scene.program.run("findings", "list", "--kind", "missed_void")
            #expect(none.talk == "No findings.\n" && none.output.isEmpty, "\(none.everything)")
        }
    }

    @Test("what a refusal names leads to the same files")
    func refusals() async throws {
        try await Scene.with(orders: 60, plants: [:]) { scene in
            let refusals: [(words: [String], command: String)] = [
                (["outbox", "settle", "99", "--was-sent"], "trueup outbox list"),
                (["revert", "99"], "trueup runs"), (["runs", "99"], "trueup runs"),
                (["findings", "list", "--run", "99"], "trueup runs"), (["report", "--run", "99"], "trueup runs"),
                (["report", "show", "99"], "trueup report list"), (["token", "revoke", "99"], "trueup token list"),
            ]
            for (words, command) in refusals {
                let refused = try await scene.program.run(words + Self.files)
                #expect(refused.status == 1, "\(words): \(refused.everything)")
                #expect(refused.talk.hasSuffix(": \(command) --jobs ./jobs\n"), "\(words): \(refused.talk)")
            }
            let last = "(SELECT max(number) FROM trueup.migration)"
            try await scene.execute("DELETE FROM trueup.migration WHERE number = \(last)")
            let behind = try await scene.program.run(["runs"] + Self.files)
            #expect(behind.talk.hasSuffix("Run: trueup db migrate --jobs ./jobs\n"), "\(behind.talk)")
        }
    }
}
