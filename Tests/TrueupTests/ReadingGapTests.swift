import Support
import Testing

@Suite("Days that no run has read, in the program")
struct ReadingGapTests {
    @Test("a run ends with 2 and with the backfill that reads them, as it is to be given; after it runs are clean")
    func command() async throws {
        try await Scene.with(orders: 60, plants: [:]) { scene in
            let jobs = ["--jobs", scene.folder.path + "/jobs"]
            let first = try await scene.program.run(["run", Scene.job] + jobs)
            #expect(first.status == 0, "\(first.everything)")
            // As if it had been a hundred days ago.
            try await scene.execute(
                """
                UPDATE trueup.run SET period_from_seconds = period_from_seconds - 8640000,
                    period_to_seconds = period_to_seconds - 8640000;
                UPDATE trueup.run_list SET from_seconds = from_seconds - 8640000, to_seconds = to_seconds - 8640000
                """)
            let late = try await scene.program.run(["run", Scene.job] + jobs)
            #expect(late.status == 2, "\(late.everything)")
            #expect(late.output.hasPrefix("DAYS UNREAD  \(Scene.job)  Stripe and the tables agree in what was read"))
            let lines = late.output.split(separator: "\n").map(String.init)
            let next = try #require(lines.last)
            #expect(next.hasPrefix("Next: trueup backfill \(Scene.job) --from 20"), "\(next)")
            #expect(next.hasSuffix(" --jobs \(scene.folder.path)/jobs"), "\(next)")
            let command = String(next.dropFirst("Next: ".count))
            #expect(lines.contains { $0.hasPrefix("  ! What was created on ") && $0.hasSuffix(command) })
            let plan = try await scene.program.run(["run", Scene.job, "--plan"] + jobs)
            #expect(plan.status == 2 && plan.output.contains("not all days before were read"), "\(plan.everything)")
            let listed = try await scene.program.run(["jobs"] + jobs)
            #expect(listed.output.contains("WAITING: What was created on "), "\(listed.everything)")

            let words = command.split(separator: " ").dropFirst().map(String.init)
            let backfill = try await scene.program.run(Array(words))
            #expect(backfill.status == 0, "\(backfill.everything)")
            let last = try await scene.program.run(["run", Scene.job] + jobs)
            #expect(last.status == 0 && last.output.hasPrefix("CLEAN"), "\(last.everything)")
        }
    }
}
