import Foundation
import Testing

/// `--json` of the commands that show what is stored.
@Suite("JSON documents of what is stored", .timeLimit(.minutes(5)))
struct DocumentsTests {
    private static func document(
        _ scene: Scene, _ words: [String], members: Set<String>, format: String
    ) async throws -> [String: Any] {
        let result = try await scene.program.run(words + ["--json"])
        #expect(result.status == 0, "\(result.everything)")
        let document = try #require(
            try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
        #expect(Set(document.keys) == members, "\(document.keys.sorted())")
        #expect(document["format"] as? String == format)
        return document
    }

    private static let finding: Set<String> = [
        "id", "kind", "job", "account", "comparison", "stripe_id", "stripe_status", "stripe_amount", "currency",
        "local_id", "local_state", "local_amount", "local_currency", "credits", "agency", "action", "state",
        "closed_how", "closed", "explanation", "owner", "first_seen", "last_seen", "last_run", "runs_seen",
        "times_reopened",
    ]

    /// RFC 3339 in UTC, of these minutes.
    private static func isTime(_ value: Any?) -> Bool {
        guard let text = value as? String, text.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/) != nil,
            let date = ISO8601DateFormatter().date(from: text)
        else { return false }
        return abs(date.timeIntervalSinceNow) < 3_600
    }

    @Test("findings say the same as the database, with null for what is not known")
    func findings() async throws {
        try await Scene.with(orders: 300, plants: [.paidOpen: 1, .openAbsent: 1, .currencyMismatch: 1]) { scene in
            #expect(try await scene.program.run("run", Scene.job, "--quiet").status == 2)
            let list = try await Self.document(
                scene, ["findings", "list"], members: ["format", "truncated", "findings"],
                format: "trueup.findings/1")
            #expect(list["truncated"] as? Bool == false)
            let findings = try #require(list["findings"] as? [[String: Any]])
            #expect(Set(findings.compactMap { $0["kind"] as? String }) == ["missing_locally", "currency_mismatch"])
            for finding in findings {
                #expect(Set(finding.keys) == Self.finding)
                #expect(Self.isTime(finding["first_seen"]) && Self.isTime(finding["last_seen"]))
                #expect(finding["closed"] is NSNull && finding["owner"] is NSNull)
                #expect(finding["state"] as? String == "open")
                #expect(finding["job"] as? String == Scene.job && finding["last_run"] as? Int == 1)
            }
            let absent = try #require(findings.first { $0["kind"] as? String == "missing_locally" })
            #expect(absent["local_id"] is NSNull && absent["local_amount"] is NSNull)
            #expect((absent["stripe_amount"] as? Int ?? 0) > 0 && absent["currency"] as? String == "usd")
            let mismatch = try #require(findings.first { $0["kind"] as? String == "currency_mismatch" })
            let currencies = [mismatch["currency"], mismatch["local_currency"]].compactMap { $0 as? String }
            #expect(currencies.count == 2 && currencies[0].lowercased() != currencies[1].lowercased())
            let one = try await Self.document(
                scene, ["findings", "list", "--limit", "1"], members: ["format", "truncated", "findings"],
                format: "trueup.findings/1")
            #expect(one["truncated"] as? Bool == true && (one["findings"] as? [Any])?.count == 1)
        }
    }

    @Test("one finding is told with its repairs and notes")
    func history() async throws {
        try await Scene.with(orders: 300, plants: [.paidOpen: 1, .openPaid: 1]) { scene in
            #expect(try await scene.program.run("run", Scene.job, "--quiet").status == 2)
            let sql = "SELECT id AS value FROM trueup.finding WHERE kind = "
            let repaired = try await scene.value(sql + "'missed_paid'", as: Int64.self)
            let open = try await scene.value(sql + "'unpaid_in_stripe'", as: Int64.self)
            let accepted = try await scene.program.run("findings", "accept", "F-\(open)", "--note", "“known”")
            #expect(accepted.status == 0)
            let members: Set<String> = ["format", "finding", "repairs", "notes"]
            let first = try await Self.document(
                scene, ["findings", "show", "F-\(repaired)"], members: members, format: "trueup.finding/1")
            let finding = try #require(first["finding"] as? [String: Any])
            #expect(Set(finding.keys) == Self.finding && finding["closed_how"] as? String == "repaired")
            #expect(Self.isTime(finding["closed"]))
            let repair = try #require((first["repairs"] as? [[String: Any]])?.first)
            #expect(
                Set(repair.keys) == [
                    "id", "run", "effect", "applied", "requested_by", "plan", "stripe_status", "stripe_request",
                ])
            #expect(repair["effect"] as? String == "grant" && repair["plan"] is NSNull)
            #expect(Self.isTime(repair["applied"]))
            let second = try await Self.document(
                scene, ["findings", "show", "F-\(open)"], members: members, format: "trueup.finding/1")
            let note = try #require((second["notes"] as? [[String: Any]])?.first)
            #expect(Set(note.keys) == ["written", "written_by", "what", "note"])
            #expect(note["what"] as? String == "accepted" && note["note"] as? String == "“known”")
            #expect((second["repairs"] as? [Any])?.isEmpty == true)
        }
    }

    private static let run: Set<String> = [
        "run", "job", "plan", "trigger", "state", "attempt", "period", "started", "ended", "requested_by", "objects",
        "requests", "requests_least", "counts", "problems",
    ]

    @Test("the history, one run with its repairs, and what did not run")
    func runs() async throws {
        try await Scene.with(orders: 300, plants: [.paidOpen: 2, .openPaid: 1]) { scene in
            #expect(try await scene.program.run("run", Scene.job, "--plan", "--quiet").status == 2)
            #expect(try await scene.program.run("run", Scene.job, "--quiet").status == 2)
            let list = try await Self.document(
                scene, ["runs"], members: ["format", "runs", "reports"], format: "trueup.runs/1")
            let runs = try #require(list["runs"] as? [[String: Any]])
            #expect(runs.map { $0["run"] as? Int } == [2, 1] && runs.map { $0["plan"] as? Bool } == [false, true])
            for run in runs {
                #expect(Set(run.keys) == Self.run && run["state"] as? String == "drift")
                #expect(Self.isTime(run["started"]) && Self.isTime(run["ended"]))
                let period = try #require(run["period"] as? [String: Any])
                #expect(Set(period.keys) == ["from", "to"] && Self.isTime(period["to"]))
            }
            let counts = try #require(runs[0]["counts"] as? [String: [String: Int]])
            #expect(counts["missed_paid"] == ["found": 2, "repaired": 2, "accepted": 0, "open": 0, "information": 0])
            #expect(
                counts["unpaid_in_stripe"] == ["found": 1, "repaired": 0, "accepted": 0, "open": 1, "information": 0])
            let one = try await Self.document(
                scene, ["runs", "2"], members: ["format", "run", "repairs"], format: "trueup.run-history/1")
            #expect((one["run"] as? [String: Any])?["run"] as? Int == 2)
            let repairs = try #require(one["repairs"] as? [[String: Any]])
            #expect(repairs.count == 2)
            for repair in repairs {
                #expect(
                    Set(repair.keys) == [
                        "id", "finding", "kind", "effect", "account", "stripe_id", "local_id", "applied",
                    ])
                #expect(repair["effect"] as? String == "grant" && Self.isTime(repair["applied"]))
            }
            let missed = try await Self.document(
                scene, ["runs", "--missed"], members: ["format", "missed"], format: "trueup.missed/1")
            #expect((missed["missed"] as? [Any])?.isEmpty == true)
        }
    }

    @Test("jobs with their next times, their last run and how they are")
    func jobs() async throws {
        try await Scene.with(orders: 300, plants: [.openPaid: 1]) { scene in
            let members: Set<String> = ["format", "is_database_read", "jobs"]
            try scene.folder.write(
                Scene.jobFile + "schedule: \"0 4 * * *\"\n", to: "jobs/\(Scene.job).yaml")
            let before = try await Self.document(scene, ["jobs"], members: members, format: "trueup.jobs/1")
            let fresh = try #require((before["jobs"] as? [[String: Any]])?.first)
            #expect(before["is_database_read"] as? Bool == true)
            #expect(fresh["health"] as? String == "never_ran" && fresh["last_run"] is NSNull)
            #expect(try await scene.program.run("run", Scene.job, "--quiet").status == 2)
            let after = try await Self.document(scene, ["jobs"], members: members, format: "trueup.jobs/1")
            let job = try #require((after["jobs"] as? [[String: Any]])?.first)
            #expect(
                Set(job.keys) == [
                    "name", "kind", "description", "accounts", "schedule", "time_zone", "after", "next", "last_run",
                    "last_due", "last_report", "previous_report", "failed_since", "open", "information",
                    "health", "health_text",
                ])
            #expect(job["name"] as? String == Scene.job && job["kind"] as? String == "reconcile")
            #expect(job["accounts"] as? [String] == ["task_health"] && job["schedule"] as? String == "0 4 * * *")
            let next = try #require(job["next"] as? [String])
            #expect(next.count == 3 && next == next.sorted() && next.allSatisfy { $0.hasSuffix("T04:00:00Z") })
            let last = try #require(job["last_run"] as? [String: Any])
            #expect(Set(last.keys) == ["run", "trigger", "state", "started", "ended"])
            #expect(last["run"] as? Int == 1 && last["state"] as? String == "drift" && Self.isTime(last["ended"]))
            #expect(job["open"] as? Int == 1 && job["information"] as? Int == 0)
            #expect(job["health"] as? String == "waiting")
            #expect(
                job["health_text"] as? String
                    == "WAITING: 1 difference is open: trueup findings list --job \(Scene.job)")
        }
    }
}
