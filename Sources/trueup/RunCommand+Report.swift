import Jobs
import Reports
import Runner
import Store

// A report among the jobs of a command line.
extension RunCommand {
    /// Makes the report of a job, pings and tells as a run does.
    /// - Parameter resume: how to go on after a stop.
    func make(_ job: ReportJob, _ definition: JobDefinition, _ command: Work, resume: String) async throws {
        let making = MakingReport(
            definition: definition, job: job, set: command.set, target: command.database.target,
            senders: command.senders)
        let pings = Pings()
        let start = StartPing(definition, pings)
        start.send()
        let result: ReportResult
        do {
            result = try await TimeLimit(seconds: definition.timeoutSeconds).run { try await making.make(.manual) }
        } catch {
            if error is CancellationError {
                Terminal.say("Stopped. To go on from here: \(resume)")
                await pings.close()
                throw error
            }
            let news = RunNews(
                definition: definition, alerts: Alerts(definition, delivery: command.set.settings.delivery),
                target: command.database.target, senders: command.senders)
            return try await fail(error, definition, command, news.telling(of: error, start, pings))
        }
        let telling = Self.telling(making.telling, of: result, start, pings)
        let (json, quiet, isOneOfSeveral, next) = (json, quiet, names.count > 1, next)
        command.endings.add(definition.name, telling) { told in
            switch told {
            case .success(let result):
                return try Self.show(result, of: definition, json: json, quiet: quiet, isOneOfSeveral: isOneOfSeveral)
            case .failure(let error):
                // It was made; nobody can say whom it has reached.
                let code = Main.said(error, next: next, job: definition.name)
                let problem = explanation(of: error, next: next)
                if json, isOneOfSeveral {
                    try Self.printFailure(definition.name, isReport: true, isPlan: false, problem, code)
                }
                return code
            }
        }
    }

    /// Its ways out beside each other; then how that went, which the service of the pings hears as well.
    private static func telling(
        _ report: ReportTelling, of result: ReportResult, _ start: StartPing, _ pings: Pings
    ) -> Telling<Result<ReportResult, any Error>> {
        Telling {
            let told: Result<ReportResult, any Error>
            do { told = .success(try await report.tell(result)) } catch { told = .failure(error) }
            // Where it was stopped, the report is made all the same, and that is what is told.
            let end = Task.isCancelled ? AttemptEnd(result) : Self.end(told)
            let ping = Task {
                switch end.outcome {
                case .done(let word): await start.end(.success, word)
                case .failed(let word): await start.end(.fail, word)
                }
            }
            await report.alert(end, of: result)
            await ping.value
            await pings.close()
            return told
        }
    }

    private static func end(_ told: Result<ReportResult, any Error>) -> AttemptEnd {
        switch told {
        case .success(let result): AttemptEnd(result)
        case .failure(let error): AttemptEnd(.failed("error"), detail: explanation(of: error))
        }
    }

    /// - Returns: the exit code.
    private static func show(
        _ result: ReportResult, of definition: JobDefinition, json: Bool, quiet: Bool, isOneOfSeveral: Bool
    ) throws -> Int32 {
        if json {
            let document = ReportRunDocument(result, job: definition.name)
            try JSONDocument.print(document, isOneLine: isOneOfSeveral)
        }
        if !quiet || result.exitCode != 0 {
            let lines = ReportSummary.lines(result.report)
            for line in lines { if json { Terminal.say(line) } else { Terminal.print(line) } }
            Terminal.say("Report \(result.id): \(counted(result.fileCount, "file")) in \(result.directory)")
            result.sayDeliveries()
        }
        return result.exitCode
    }
}
