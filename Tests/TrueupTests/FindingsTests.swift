import Support
import Testing

@Suite("What people do with findings")
struct FindingsTests {
    @Test("who reopened a finding is told apart: its difference, or a person")
    func reopened() async throws {
        try await Scene.with(orders: 60, plants: [.openPaid: 1]) { scene in
            #expect(try await scene.program.run("run", Scene.job).status == 2)
            let id: Int64 = try await scene.value(
                "SELECT id AS value FROM trueup.finding WHERE kind = 'unpaid_in_stripe'")
            func shown() async throws -> String {
                let result = try await scene.program.run("findings", "show", "F-\(id)")
                let line = result.output.split(separator: "\n").first { $0.hasPrefix("reopened ") }
                return line.map(String.init) ?? result.everything
            }
            #expect(try await shown() == "reopened      0 times after it was closed, 0 times by people")
            #expect(try await scene.program.run("findings", "accept", "F-\(id)", "--note", "known").status == 0)
            #expect(try await scene.program.run("findings", "reopen", "F-\(id)").status == 0)
            #expect(try await shown() == "reopened      0 times after it was closed, 1 time by people")
            try await scene.execute(
                "UPDATE trueup.finding SET state = 'closed', closed_at = now(), closed_how = 'changed_at_source'")
            #expect(try await scene.program.run("run", Scene.job).status == 2)
            #expect(try await shown() == "reopened      1 time after it was closed, 1 time by people")
        }
    }

    @Test("one that is closed is given to nobody, as it is neither accepted nor reopened; an accepted one is")
    func closed() async throws {
        try await Scene.with(orders: 60, plants: [.paidOpen: 1, .openPaid: 1]) { scene in
            #expect(try await scene.program.run("run", Scene.job).status == 2)
            let sql = "SELECT id AS value FROM trueup.finding WHERE kind = "
            let closed: Int64 = try await scene.value(sql + "'missed_paid'")
            let open: Int64 = try await scene.value(sql + "'unpaid_in_stripe'")
            let changes: [(words: [String], state: String)] = [
                (["assign", "F-\(closed)", "--to", "ana"], "open"),
                (["accept", "F-\(closed)", "--note", "known"], "open"), (["reopen", "F-\(closed)"], "accepted"),
            ]
            for (words, state) in changes {
                let refused = try await scene.program.run(["findings"] + words)
                let why = "F-\(closed) is closed, not \(state). See: trueup findings show F-\(closed)\n"
                #expect(refused.status == 1 && refused.talk.hasSuffix(why), "\(words): \(refused.everything)")
            }
            #expect(try await scene.value("SELECT count(*) AS value FROM trueup.finding_note", as: Int64.self) == 0)
            let none = try await scene.program.run("findings", "assign", "F-99", "--to", "ana")
            let missing = "There is no finding F-99. See: trueup findings list\n"
            #expect(none.status == 1 && none.talk.hasSuffix(missing), "\(none.everything)")
            #expect(try await scene.program.run("findings", "accept", "F-\(open)", "--note", "known").status == 0)
            let given = try await scene.program.run("findings", "assign", "F-\(open)", "--to", "ana")
            #expect(given.status == 0 && given.talk == "F-\(open) belongs to ana.\n", "\(given.everything)")
        }
    }
}
