/// The two shapes of Stripe's API that the sandbox speaks, told apart by the `Stripe-Version` header.
public enum SandboxAPIVersion: String, Sendable, CaseIterable {
    case v2023 = "2023-10-16"
    case dahlia = "2026-07-29.dahlia"

    /// The shape for a version string; `nil` for a version the sandbox does not speak. Any `2023-…` is the old shape,
    /// any version from dahlia on the new one.
    init?(header: String) {
        if header == Self.v2023.rawValue {
            self = .v2023
        } else if header.hasSuffix(".dahlia") || header.hasSuffix(".endive") {
            self = .dahlia
        } else {
            return nil
        }
    }

    var position: Int { self == .v2023 ? 0 : 1 }
}
