import Foundation
import Testing

@Suite("What commands say of their ends", .timeLimit(.minutes(5)))
struct WordsTests {
    @Test("an apply that fails is logged with its job and plan, and a revert that was done is told as done")
    func plans() async throws {
        try await Scene.with(orders: 300, plants: [.paidOpen: 2]) { scene in
            let run = try await scene.program.run("run", Scene.job)
            #expect(run.status == 0, "\(run.everything)")
            let none = try await scene.program.run("revert", "99")
            #expect(none.status == 1 && none.talk.contains("There is no run 99. See: trueup runs\n"), "\(none.talk)")
            #expect(try await scene.program.run("revert", "1").status == 0)
            let names = try FileManager.default.contentsOfDirectory(atPath: scene.folder.path + "/plans")
            let path = "plans/" + (try #require(names.first { $0.contains("revert") }))
            #expect(try await scene.program.run("apply", path).output.contains("Applied 2 of 2 "))
            let undone = try await scene.program.run("runs", "2").output
                .matches(of: /\nundone     ungrant of order [0-9]+ \(in_\w+\), F-[0-9]+/)
            #expect(undone.count == 2)
            let again = try await scene.program.run("apply", path)
            #expect(again.status == 0, "\(again.everything)")
            #expect(again.output.hasPrefix("This plan is done already: all of its 2 items were undone before (plan "))
            // Another version of the job.
            try scene.folder.write(Scene.jobFile + "jitter: 1s\n", to: "jobs/\(Scene.job).yaml")
            let refused = try await scene.program.run("apply", path, "--log-format", "json")
            #expect(refused.status == 1)
            let records = try refused.talk.split(separator: "\n").map {
                try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: String])
            }
            let failed = try #require(records.first { $0["level"] == "error" })
            #expect(failed["message"] == "apply failed" && failed["trueup.job"] == Scene.job, "\(failed)")
            #expect(failed["trueup.plan"].map { path.contains($0) } == true)
            let unreadable = try await scene.program.run("apply", "plans/none.json", "--log-format", "json")
            #expect(unreadable.talk.contains("\"message\":\"apply failed\""))
        }
    }

    @Test("a run whose mail could not leave does not say that nothing is left")
    func mail() async throws {
        try await Scene.with(orders: 300, plants: [.paidOpen: 1]) { scene in
            let settings = try scene.folder.text(of: "jobs/settings.yaml")
            try scene.folder.write(
                settings + "delivery: {email: {from: trueup@example.com}}\n", to: "jobs/settings.yaml")
            try scene.folder.write(
                Scene.jobFile + "notify: {on: [success], email: [finance@example.com]}\n",
                to: "jobs/\(Scene.job).yaml")
            let program = scene.program(["SMTP_URL": "smtp://127.0.0.1:1"])
            let run = try await program.run("run", Scene.job)
            #expect(run.status == 0 && run.output.contains("REPAIRED"), "\(run.everything)")
            #expect(run.output.hasSuffix("\nMessages could not leave. Next: trueup outbox list\n"), "\(run.output)")
            #expect(!run.output.contains("Nothing is left"))
        }
    }

    @Test("both amounts of a finding have their own currencies")
    func currencies() async throws {
        try await Scene.with(orders: 300, plants: [.currencyMismatch: 1]) { scene in
            #expect(try await scene.program.run("run", Scene.job, "--quiet").status == 2)
            let currencies = try await scene.value(
                """
                SELECT upper(currency) || ' ' || upper(facts->'order'->>'currency') AS value FROM trueup.finding
                WHERE kind = 'currency_mismatch'
                """, as: String.self
            ).split(separator: " ")
            #expect(currencies.count == 2 && currencies[0] != currencies[1])
            let list = try await scene.program.run("findings", "list", "--kind", "currency_mismatch").output
            #expect(!list.contains("minor units"), "\(list)")
            for currency in currencies { #expect(list.contains(currency == "USD" ? "$" : currency), "\(list)") }
        }
    }

    @Test("a run of the schedule is not told as that of a later time that was skipped")
    func skipped() async throws {
        try await Scene.with(orders: 60, plants: [:]) { scene in
            #expect(try await scene.program.run("run", Scene.job).status == 0)
            try await scene.due()
            let ended: String = try await scene.value(
                """
                WITH skipped AS (UPDATE trueup.occurrence SET state = 'skipped', reason = 'overlap', ended_at = now()
                    RETURNING ended_at)
                UPDATE trueup.run SET trigger = 'schedule', ended_at = (SELECT ended_at FROM skipped) + interval '1 s'
                RETURNING state AS value
                """)
            #expect(ended == "clean")
            let jobs = try await scene.program.run("jobs").output
            let line = #/ clean, run 1 \(started then; \S+ was skipped: overlap\)\n/#
            #expect(jobs.contains(line), "\(jobs)")
        }
    }
}
