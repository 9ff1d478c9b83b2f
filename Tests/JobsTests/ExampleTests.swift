import Foundation
import Jobs
import Testing

@Suite("the job files of this repository")
struct ExampleTests {
    static let directory = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../jobs")
        .standardizedFileURL.path

    @Test("they load without errors or warnings")
    func examplesLoad() throws {
        let set = try JobFiles.load(directory: Self.directory)
        #expect(set.warnings == [])
        #expect(set.settings.accounts.map(\.name) == ["default", "medflyt", "task_health"])
        let job = try #require(set.job(named: "credit-invoices"))
        #expect(job.expression != nil)
        #expect(job.timeZone == "America/New_York")
        #expect(job.hash.count == 64)
    }
}
