import Foundation
import Sandbox
import Support
import Testing

@Suite("A run and what it leaves")
struct RunTests {
    /// One finding of most kinds, so that it does not matter which one a summary picks.
    private static let oneOfAKind: [Plant: Int] = {
        var plants = Scene.plants
        for plant: Plant in [
            .draftYoungAbsent, .openAbsent, .draftStalePaid, .openPaid, .uncollectiblePaid, .amountMismatchTax,
            .amountMismatchPartial,
        ] { plants[plant] = nil }
        return plants
    }()

    @Test("finds, repairs, tells, and the second night repairs nothing")
    func nights() async throws {
        try await Scene.with(plants: Self.oneOfAKind) { scene in
            let plan = try await scene.program.run("run", Scene.job, "--plan")
            #expect(plan.status == 2)
            #expect(try await scene.value("SELECT count(*) AS value FROM trueup.repair", as: Int64.self) == 0)
            try Golden.expect(Golden.sorted(plan.output), "run-plan")

            let first = try await scene.program.run("run", Scene.job)
            #expect(first.status == 2)
            try Golden.expect(first.output, "run-first")
            // The lists are read side by side: whichever ends first is told first.
            let talk = first.talk.split(separator: "\n").sorted().joined(separator: "\n") + "\n"
            try Golden.expect(talk, "run-first-talk")
            let state = try await scene.state()

            let second = try await scene.program.run("run", Scene.job)
            #expect(second.status == 2)
            #expect(!second.output.contains(" repaired" + " (+"))
            #expect(try await scene.state() == state)

            let findings = try await scene.program.run("findings", "list")
            #expect(findings.status == 0)
            try Golden.expect(Golden.sorted(findings.output), "findings-list")
            let runs = try await scene.program.run("runs")
            #expect(runs.output.split(separator: "\n").count == 4)
            let shown = try await scene.program.run("runs", "2")
            #expect(shown.status == 0)
            #expect(shown.output.contains("missed_paid"))
            let unknown = try await scene.program.run("runs", "99")
            #expect(unknown.status == 1)
            #expect(unknown.talk == "trueup: There is no run 99. See: trueup runs\n")
        }
    }

    @Test("what only had to be repaired ends with 0, and with nothing left a quiet run says nothing at all")
    func codes() async throws {
        try await Scene.with(plants: [.paidOpen: 3, .voidOpen: 1]) { scene in
            let first = try await scene.program.run("run", Scene.job, "--quiet")
            #expect(first.status == 0)
            #expect(first.output.contains("REPAIRED"))
            #expect(first.talk.isEmpty)
            let second = try await scene.program.run("run", Scene.job, "--quiet")
            #expect(second.status == 0)
            #expect(second.everything.isEmpty)
            let third = try await scene.program.run("run", Scene.job)
            #expect(third.output.contains("CLEAN"))
        }
    }

    @Test("plans, what is applied and what is reverted are told apart; next commands lead to the same files")
    func history() async throws {
        try await Scene.with(plants: [.paidOpen: 3, .voidOpen: 1]) { scene in
            let files = ["--jobs", "./jobs"]
            let plan = try await scene.program.run(["run", Scene.job, "--plan"] + files)
            let made = try FileManager.default.contentsOfDirectory(atPath: scene.folder.path + "/plans")
            let path = try #require(made.first.map { "plans/" + $0 })
            #expect(plan.talk.contains("To do it: trueup apply \(path) --jobs ./jobs\n"))
            let applied = try await scene.program.run(["apply", path] + files)
            #expect(applied.output.contains("Applied 4 of 4"))
            #expect(applied.output.contains("To undo it: trueup revert 2 --jobs ./jobs\n"))
            #expect(try await scene.program.run(["revert", "2"] + files).status == 0)
            let revert = try FileManager.default.contentsOfDirectory(atPath: scene.folder.path + "/plans")
                .first { $0.contains("revert") }
            let reverted = try await scene.program.run(["apply", "plans/" + (try #require(revert))] + files)
            #expect(reverted.status == 0, "\(reverted.talk)")
            let after = try await scene.program.run(["run", Scene.job] + files)
            #expect(after.output.contains("\n4 accepted, quiet\n"))
            let backfill = try await scene.program.run(
                "backfill", Scene.job, "--from", "2020-01-01", "--to", "2020-01-02", "--plan")
            #expect(backfill.status == 0, "\(backfill.talk)")
            #expect(!backfill.talk.contains("To do it"))
            let lines = try await scene.program.run("runs").output.split(separator: "\n")
            let shown = lines.dropFirst().map { $0.split(separator: " ").dropFirst(2).prefix(3).joined(separator: " ") }
            #expect(
                shown.map { $0.hasPrefix("backfill") ? $0 : $0.split(separator: " ").prefix(2).joined(separator: " ") }
                    == ["backfill, plan clean", "run clean", "revert repaired", "apply repaired", "plan drift"])
        }
    }

    @Test("findings are listed by account, agency, owner and amount, in the order that is asked for")
    func findings() async throws {
        try await Scene.with(plants: Self.oneOfAKind) { scene in
            #expect(try await scene.program.run("run", Scene.job, "--quiet").status == 2)
            func list(_ options: String...) async throws -> [String] {
                let result = try await scene.program.run(["findings", "list"] + options)
                #expect(result.status == 0, "\(result.talk)")
                return result.output.split(separator: "\n").dropFirst().map(String.init)
            }
            let all = try await list()
            #expect(try await list("--account", "task_health").count == all.count)
            #expect(try await scene.program.run("findings", "list", "--account", "medflyt").status == 64)
            #expect(try await list("--owner", "nobody").count == all.count)
            let id = try #require(all.first?.split(separator: " ").first).description
            #expect(try await scene.program.run("findings", "assign", id, "--to", "dana").status == 0)
            #expect(try await list("--owner", "dana").map { $0.split(separator: " ")[0] } == [Substring(id)])
            #expect(try await list("--owner", "nobody").count == all.count - 1)
            let large = try await scene.value(
                """
                SELECT count(*) AS value FROM trueup.finding
                WHERE state <> 'closed' AND greatest(stripe_amount, local_amount) >= 1000000
                """, as: Int64.self)
            #expect(try await list("--min-amount", "1000000").count == Int(large))
            #expect(large > 0 && large < all.count)
            let oldest = try await list("--sort", "age").compactMap { $0.split(separator: " ").first }
            #expect(oldest == oldest.sorted { (Int($0.dropFirst(2)) ?? 0) < (Int($1.dropFirst(2)) ?? 0) })
            let kinds = try await list("--sort", "kind").map { $0.split(separator: " ")[1] }
            #expect(kinds.first == "malformed_id")
            #expect(kinds.last == "overdue")
            let agency = try await scene.value(
                "SELECT min(agency_id) AS value FROM trueup.finding WHERE state <> 'closed'", as: Int64.self)
            let ofAgency = try await list("--agency", "\(agency)")
            #expect(!ofAgency.isEmpty && ofAgency.count < all.count)
        }
    }

    @Test("two runs of one job: the second one is told so with code 75")
    func twice() async throws {
        try await Scene.with(latencyMilliseconds: 300) { scene in
            let first = try scene.program.start("run", Scene.job)
            try await scene.wait(until: "EXISTS (SELECT FROM trueup.run WHERE state = 'running')")
            let second = try await scene.program.run("run", Scene.job)
            #expect(second.status == 75)
            #expect(second.output.isEmpty)
            #expect(second.talk.contains("running already"))
            #expect(try await first.result().status == 2)
        }
    }

    @Test("check says of every file, account and table that it is well, and how to hold the key to its account")
    func check() async throws {
        try await Scene.with(orders: 60, plants: [:]) { scene in
            let result = try await scene.program.run("check", "--online")
            #expect(result.status == 0)
            #expect(result.output.contains("account_id: acct_1QnTaskHlthCredit"))
            let bad = try await scene.program(["DATABASE_URL": "postgresql://u@127.0.0.1:1/x"]).run("check", "--online")
            #expect(bad.status == 1)
            #expect(bad.output.contains("ok   account task_health"))
            #expect(bad.output.contains("BAD  database"))
            let jobs = try await scene.program.run("jobs")
            #expect(jobs.output.contains("by hand"))
        }
    }

    @Test("data that cannot be written is an error, a reader that went away is none")
    func output() async throws {
        try await Scene.with(orders: 60, plants: [:]) { scene in
            let full = try await scene.program.start(["run", Scene.job, "--json"], output: "/dev/full").result()
            #expect(full.status == 1)
            #expect(full.talk.contains("stdout could not be written"))
        }
    }
}

@Suite("The JSON document of a run")
struct DocumentTests {
    @Test("has exactly the fields that are promised, with their types")
    func fields() async throws {
        try await Scene.with { scene in
            let plan = try await document(scene, ["--plan"])
            #expect(plan["plan"] as? Bool == true)
            let first = try await document(scene, [])
            #expect(first["state"] as? String == "drift")
            try check(plan, isPlan: true)
            try check(first, isPlan: false)
        }
    }

    private func document(_ scene: Scene, _ flags: [String]) async throws -> [String: Any] {
        let result = try await scene.program.run(["run", Scene.job, "--json"] + flags)
        #expect(result.status == 2)
        return try #require(JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    }

    private func check(_ document: [String: Any], isPlan: Bool) throws {
        #expect(
            Set(document.keys) == [
                "format", "run", "job", "plan", "state", "period", "counts", "requests", "requests_least", "objects",
                "problems", "findings",
            ])
        #expect(document["format"] as? String == "trueup.run/1")
        #expect(document["job"] as? String == Scene.job)
        #expect((document["run"] as? Int ?? 0) > 0)
        #expect((document["requests"] as? Int ?? 0) > 0)
        #expect(document["problems"] as? [String] == [])
        let objects = try #require(document["objects"] as? [String: Int])
        #expect(Set(objects.keys) == ["stripe", "local"])
        #expect(objects.values.allSatisfy { $0 > 0 })
        let counts = try #require(document["counts"] as? [String: [String: Int]])
        for (kind, count) in counts {
            #expect(Set(count.keys) == ["found", "repaired", "accepted", "open", "information"], "\(kind)")
        }
        let paid = try #require(counts["missed_paid"])
        #expect(paid["found"] == 5)
        #expect(paid["repaired"] == (isPlan ? 0 : 5))
        let findings = try #require(document["findings"] as? [[String: Any]])
        #expect(findings.count == counts.values.compactMap { $0["found"] }.reduce(0, +))
        for finding in findings { try check(finding: finding, isPlan: isPlan) }
        let mismatch = try #require(findings.first { $0["kind"] as? String == "currency_mismatch" })
        let currencies = [mismatch["currency"], mismatch["local_currency"]].compactMap { $0 as? String }
        #expect(currencies.count == 2 && currencies[0].lowercased() != currencies[1].lowercased(), "\(mismatch)")
        // The counts are those of the findings, by what they say of themselves.
        for (kind, count) in counts {
            let states = findings.filter { $0["kind"] as? String == kind }.compactMap { $0["state"] as? String }
            #expect(states.count { $0 == (isPlan ? "planned" : "open") } == count["open"], "\(kind)")
            #expect(states.count { $0 == "information" } == count["information"], "\(kind)")
        }
        #expect(counts["overdue"]?["open"] == 0 && counts["overdue"]?["information"] == 1, "\(counts)")
    }

    private func check(finding: [String: Any], isPlan: Bool) throws {
        #expect(
            Set(finding.keys) == [
                "id", "kind", "account", "stripe_id", "local_id", "action", "state", "closed_how", "stripe_amount",
                "local_amount", "currency", "local_currency", "credits", "explanation",
            ])
        #expect(finding["account"] as? String == "task_health")
        #expect(!(finding["explanation"] as? String ?? "").isEmpty)
        #expect(["apply", "review", "inform"].contains(finding["action"] as? String ?? ""))
        let informs = finding["action"] as? String == "inform"
        let states = informs ? ["information"] : isPlan ? ["planned"] : ["open", "closed"]
        #expect(states.contains(finding["state"] as? String ?? ""))
        #expect((finding["id"] is NSNull) == isPlan)
        #expect(!(finding["stripe_id"] is NSNull) || !(finding["local_id"] is NSNull))
        for key in ["stripe_amount", "local_amount", "credits"] {
            #expect(finding[key] is NSNull || finding[key] is Int, "\(key)")
        }
        // No amount without its currency.
        if finding["stripe_amount"] is Int { #expect(finding["currency"] is String, "\(finding)") }
        #expect((finding["local_amount"] is Int) == (finding["local_currency"] is String), "\(finding)")
    }
}
