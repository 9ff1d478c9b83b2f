import Foundation

/// Stripe's specification, recorded exchanges and generated bodies: a folder `shared/stripe` beside the checkout, which
/// a checkout alone does not have.
public enum StripeFiles {
    /// `nil` where there is none.
    public static let directory: URL? = {
        var place = URL(filePath: #filePath).resolvingSymlinksInPath()
        while place.pathComponents.count > 1 {
            place.deleteLastPathComponent()
            let candidate = place.appending(path: "shared/stripe")
            if FileManager.default.fileExists(atPath: candidate.appending(path: "invoices_page.json").path) {
                return candidate
            }
        }
        return nil
    }()

    /// Whether what needs them is tested: where they are missing it is left out, and `make test` says so; with
    /// `TRUEUP_TEST_STRIPE_FILES=1`, as in CI, it fails.
    public static var areTested: Bool {
        directory != nil || ProcessInfo.processInfo.environment["TRUEUP_TEST_STRIPE_FILES"] == "1"
    }

    /// Why a test was left out.
    public static let reason = "needs the folder shared/stripe beside the checkout"

    public static func path() throws -> String {
        guard let directory else { throw Missing() }
        return directory.path
    }

    public static func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(filePath: path()).appending(path: name)))
    }

    public struct Missing: Error, CustomStringConvertible {
        public var description: String {
            "There is no folder shared/stripe beside the checkout, and TRUEUP_TEST_STRIPE_FILES=1 asks for its tests."
        }
    }
}
