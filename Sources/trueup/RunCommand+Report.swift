import Jobs
import Reports
import Runner
import Store

// A report among the jobs of a command line.
extension RunCommand {
    /// Makes the report of a job, pings and tells as a run does.
    /// - Parameter resume: how to go on after a stop.
    func make(
        _ job: ReportJob, _ definition: JobDefinition, _ set: JobSet, _ database: Database, resume: String
    ) async throws -> Int32 {
        let making = MakingReport(definition: definition, job: job, set: set, target: database.target)
        let pings = Pings()
        let start = StartPing(definition, pings)
        start.send()
        let result: ReportResult
        do {
            result = try await TimeLimit(seconds: definition.timeoutSeconds).run { try await making.make(.manual) }
        } catch {
            if error is CancellationError {
                Terminal.say("Stopped. To go on from here: \(resume)")
            } else {
                await start.fail(with: error)
                let running = RunningJob(
                    definition: definition, set: set, database: database, same: same([definition.name]), resume: resume)
                await running.tellFailure(error)
            }
            await pings.close()
            throw error
        }
        let end = AttemptEnd(result)
        switch end.outcome {
        case .done(let word): await start.end(.success, word)
        case .failed(let word): await start.end(.fail, word)
        }
        await pings.close()
        await making.tell(end, of: result)
        if json {
            let document = ReportRunDocument(result, job: definition.name)
            try JSONDocument.print(document, isOneLine: names.count > 1)
        }
        if !quiet || result.exitCode != 0 {
            let lines = ReportSummary.lines(result.report)
            for line in lines { if json { Terminal.say(line) } else { Terminal.print(line) } }
            Terminal.say("Report \(result.id): \(counted(result.files.count, "file")) in \(result.directory)")
            result.sayDeliveries()
        }
        return result.exitCode
    }
}
