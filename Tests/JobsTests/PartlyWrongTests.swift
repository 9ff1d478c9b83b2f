import Foundation
import Jobs
import Testing

@Suite("Files of which some are wrong")
struct PartlyWrongTests {
    private static let expire = "kind: expire\naccount: default\nstale_after: 7d\n"

    @Test("of a job whose file is wrong the known definition stays; where none is known, only what reconciles goes on")
    func loadWhatIsRight() throws {
        let files = try Files([
            "right.yaml": Files.reconcile, "other.yaml": Files.reconcile, "expire.yaml": Self.expire,
        ])
        let before = try JobFiles.loadWhatIsRight(directory: files.path)
        #expect(before.errors.isEmpty && before.set.jobs.map(\.name) == ["expire", "other", "right"])
        try files.write("kind: reconcil\n", to: "other.yaml")
        try files.write(Files.reconcile + "\ndescription: New.\n", to: "right.yaml")
        let kept = try JobFiles.loadWhatIsRight(directory: files.path, known: before.set.jobs)
        #expect(kept.set.jobs.map(\.name) == ["expire", "other", "right"])
        #expect(kept.set.job(named: "right")?.description == "New.")
        #expect(kept.set.job(named: "other") == before.set.job(named: "other"))
        #expect(!kept.errors.isEmpty && kept.errors.allSatisfy { $0.file.hasSuffix("/other.yaml") })
        // A new file that is wrong takes nothing away from those that did without it.
        try files.write("kind: reconcil\n", to: "new.yaml")
        try files.write(Self.expire + "description: New.\n", to: "expire.yaml")
        let beside = try JobFiles.loadWhatIsRight(directory: files.path, known: before.set.jobs)
        #expect(beside.set.jobs.map(\.name) == ["expire", "other", "right"])
        #expect(beside.set.job(named: "expire") == before.set.job(named: "expire"))
        try FileManager.default.removeItem(atPath: files.path + "/new.yaml")
        let unknown = try JobFiles.loadWhatIsRight(directory: files.path)
        #expect(unknown.set.jobs.map(\.name) == ["right"] && unknown.errors == kept.errors)
    }

    @Test("where a file is wrong and one is gone, nothing that rests on others goes on, however it was known")
    func goneFile() throws {
        let report = "kind: report\nreport: balance\n"
        let files = try Files([
            "right.yaml": Files.reconcile, "other.yaml": Files.reconcile, "all.yaml": report,
            "night.yaml": report + "after: [right, other]\n",
        ])
        let before = try JobFiles.loadWhatIsRight(directory: files.path)
        #expect(before.errors.isEmpty && before.set.jobs.map(\.name) == ["all", "night", "other", "right"])
        try FileManager.default.removeItem(atPath: files.path + "/other.yaml")
        let kept = try JobFiles.loadWhatIsRight(directory: files.path, known: before.set.jobs)
        #expect(kept.set.jobs.map(\.name) == ["right"])
        #expect(kept.errors.count == 1 && kept.errors[0].file.hasSuffix("/night.yaml"), "\(kept.errors)")
        // The same as for who starts now.
        #expect(try JobFiles.loadWhatIsRight(directory: files.path).set.jobs.map(\.name) == ["right"])
        // Where nothing is wrong without it, it was taken away on purpose.
        try files.write(report + "after: [right]\n", to: "night.yaml")
        let without = try JobFiles.loadWhatIsRight(directory: files.path, known: before.set.jobs)
        #expect(without.errors.isEmpty && without.set.jobs.map(\.name) == ["all", "night", "right"])
    }

    @Test("of jobs whose accounts share a table none goes on with a new definition")
    func sharedTable() throws {
        let files = try Files(["right.yaml": Files.reconcile])
        let before = try JobFiles.loadWhatIsRight(directory: files.path)
        try files.write(
            Files.reconcile.replacingOccurrences(of: "account: task_health", with: "account: medflyt"), to: "new.yaml")
        let kept = try JobFiles.loadWhatIsRight(directory: files.path, known: before.set.jobs)
        #expect(kept.set.jobs == before.set.jobs && kept.errors.count == 2)
        #expect(try JobFiles.loadWhatIsRight(directory: files.path).set.jobs.isEmpty)
    }

    @Test("with wrong settings there is nothing to go on with")
    func settings() throws {
        let files = try Files(["right.yaml": Files.reconcile])
        let before = try JobFiles.loadWhatIsRight(directory: files.path)
        try files.write("accounts: 7\n", to: "settings.yaml")
        let error = #expect(throws: JobFileErrors.self) {
            try JobFiles.loadWhatIsRight(directory: files.path, known: before.set.jobs)
        }
        #expect(error?.description.contains("settings.yaml:1") == true)
    }
}
