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
}
