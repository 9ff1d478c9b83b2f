import Foundation
import PostgreSQL
import Runner
import Store

/// An error as a person is told it: one line, without SQL, and with the next step where the error alone does not say
/// it.
/// - Parameter next: what leads to the files and the database of the command that tells it.
func explanation(of error: any Error, next: NextCommand = NextCommand()) -> String {
    switch error {
    case let error as PostgresError: sentence(reason(of: error), and: nextStep(after: error, next))
    case let error as any AdvisesCommand: error.advice.text(next.told)
    case let error as CocoaError: error.words
    default: "\(error)"
    }
}

/// What happened, as a whole sentence where something follows it.
func sentence(_ text: String, and next: String?) -> String {
    guard let next else { return text }
    return text + (text.last.map { ".?!".contains($0) } == true ? " " : ". ") + next
}

/// What the system said of a file whose path is said already; of another error, its text.
func cause(of error: any Error) -> String { (error as? CocoaError)?.cause ?? "\(error)" }

/// An error without SQL.
func reason(of error: any Error) -> String {
    (error as? PostgresError)?.brief ?? "\(error)"
}

/// What to do about an error of the database. The codes: <https://www.postgresql.org/docs/15/errcodes-appendix.html>.
private func nextStep(after error: PostgresError, _ next: NextCommand) -> String? {
    let variable = Database.variable
    switch error.sqlState {
    case "42501":
        return
            "Trueup's role needs USAGE on schema trueup, CREATE there as well for runs, and SELECT, INSERT, UPDATE, "
            + "DELETE on its tables; \(next.onJobs("trueup check --online")) names what is missing; ask the database's "
            + "owner for it"
    case "28P01", "28000": return "Check the user and the password in \(variable)"
    case "3D000": return "Check the database's name in \(variable), or create it with: createdb"
    case "53100": return "The server's disk is full: make room, then run again"
    case "53300": return "The server has no connection left: raise max_connections, or wait for others to end"
    case "25006": return "This server is read-only (a standby?): name the primary in \(variable)"
    case "57P01", "57P02", "57P03": return "The server stopped or restarts; run again, and it goes on from there"
    default: break
    }
    if error.isConnectionLost { return "Check \(variable) and that the server runs; then run again" }
    if error.isCommitOutcomeUnknown { return "Run again: what took place is read back first" }
    return nil
}
