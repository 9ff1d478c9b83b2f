import Foundation
import Jobs

/// A directory of job files that lives as long as the value.
final class Files {
    let path: String

    static let settings = """
        accounts:
          default: {secret_key_env: STRIPE_SECRET_KEY}
          medflyt: {secret_key_env: MEDFLYT_STRIPE_SECRET_KEY}
          task_health: {secret_key_env: TASK_HEALTH_STRIPE_SECRET_KEY}
        delivery:
          email: {from: "Trueup <trueup@example.com>"}
          directory: {}
        """

    static let reconcile = """
        kind: reconcile
        account: task_health
        object: invoice
        table:
          name: invoices
          columns: {id: stripe_id, amount: amount, currency: currency, paid: paid, cancelled_at: cancelled_at}
        """

    init(_ files: [String: String] = [:], settings: String? = Files.settings) throws {
        path = FileManager.default.temporaryDirectory.appending(path: "trueup-jobs-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        if let settings { try write(settings, to: "settings.yaml") }
        for (name, text) in files { try write(text, to: name) }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ text: String, to name: String) throws {
        try write(Data(text.utf8), to: name)
    }

    func write(_ bytes: Data, to name: String) throws {
        try bytes.write(to: URL(filePath: path + "/" + name))
    }

    /// The errors of a load, as `FILE:LINE:COLUMN: MESSAGE…` without the directory; empty when it succeeds.
    func errors(only: [String]? = nil) -> [String] {
        faults(only: only).map { $0.summary.replacingOccurrences(of: path + "/", with: "") }
    }

    /// The errors of a load as they are.
    func faults(only: [String]? = nil) -> [JobFileError] {
        do {
            _ = try JobFiles.load(directory: path, only: only)
            return []
        } catch {
            return error.errors
        }
    }

    /// The whole text that a person sees.
    func report() -> String {
        do {
            _ = try JobFiles.load(directory: path)
            return ""
        } catch {
            return error.description.replacingOccurrences(of: path + "/", with: "")
        }
    }
}
