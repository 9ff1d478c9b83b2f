import Foundation
import Jobs

// For commands that need the files for little more than the name of the database. All of them go to the database that
// a run goes to: a finding that is accepted elsewhere is another one of the same number.
extension JobOptions {
    /// The files, as far as they are right; what is wrong is said. `nil` where there are none.
    /// - Throws: ``CommandError``, where a directory was named that has no settings; `JobFileErrors`, where the
    ///   settings are wrong: nobody knows then which database is meant.
    func loadIfThere() throws -> JobSet? {
        guard FileManager.default.fileExists(atPath: jobs + "/settings.yaml") else {
            guard jobs == Self.usual else {
                throw CommandError(
                    "There is no settings.yaml in \(jobs), which says which database is meant. Check --jobs, or leave "
                        + "it out: then DATABASE_URL counts.", code: 64)
            }
            return nil
        }
        let (set, wrong) = try JobFiles.loadWhatIsRight(directory: jobs)
        if !wrong.isEmpty {
            let check = jobs == Self.usual ? "trueup check" : "trueup check --jobs " + NextCommand.word(jobs)
            Terminal.warn("some job files are wrong, and those jobs are not known here; see: \(check)")
        }
        return set
    }

    /// The settings alone, whatever else is wrong with the files; `nil` where there are none.
    /// - Throws: as ``loadIfThere()``.
    func settingsIfThere() throws -> Settings? {
        guard FileManager.default.fileExists(atPath: jobs + "/settings.yaml") else {
            return try loadIfThere()?.settings
        }
        return try JobFiles.loadWhatIsRight(directory: jobs).set.settings
    }
}
