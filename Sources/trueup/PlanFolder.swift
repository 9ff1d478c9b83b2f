import Foundation
import Glibc
import Runner

/// Where the plans of a command go.
struct PlanFolder {
    /// Where they go unless it is said.
    static let usual = "plans"

    let path: String

    /// Whether a plan can be written there is asked before anything is read: a night's plan that cannot be written is
    /// found in the morning. Nothing is left behind.
    /// - Throws: ``CommandError``.
    func check() throws {
        var place = URL(fileURLWithPath: path).path
        while place != "/", !FileManager.default.fileExists(atPath: place) {
            place = (place as NSString).deletingLastPathComponent
        }
        let probe = "\(place == "/" ? "" : place)/.trueup-plan-\(UInt64.random(in: 0...UInt64.max))"
        let file = open(probe, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw trouble(String(cString: strerror(errno)), " Nothing was read.") }
        close(file)
        unlink(probe)
    }

    /// Writes a plan.
    /// - Parameter same: the command that made it.
    /// - Returns: its path.
    /// - Throws: ``CommandError``, which says how to make it anew.
    func write(_ plan: Plan?, same: SameCommand) throws -> String? {
        guard let plan else { return nil }
        do {
            return try PlanFile.write(plan, to: path)
        } catch {
            throw trouble(
                cause(of: error),
                " Nothing of the plan was applied; make it anew with: " + same.planned(into: "DIR"))
        }
    }

    private func trouble(_ cause: String, _ rest: String) -> CommandError {
        CommandError(
            "No plan can be written to \(path): \(cause). Name a directory that can be written with --plans.\(rest)")
    }
}
