import Curl
import Foundation
import Jobs
import PostgreSQL
import Runner

/// The ways out of a report for a command.
enum ReportOutbox {
    static func delivery(_ settings: Settings, http: HTTPClient) -> ReportDelivery {
        ReportDelivery(
            settings: settings.delivery, http: http, environment: ProcessInfo.processInfo.environment,
            outbox: { dispatches, _, _ in
                guard dispatches.isEmpty else { throw CommandError("Mail and Slack need the outbox.") }
            })
    }
}
