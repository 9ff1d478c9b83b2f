// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
]

/// A module of our own, in Sources/NAME. The order of the list below is the order of dependencies:
/// a module names only modules above it, and TidyTests holds its imports to that.
func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

/// A program of our own, in Sources/NAME.
func program(
    _ name: String, _ dependencies: [Target.Dependency] = [], linkerSettings: [LinkerSetting] = []
) -> Target {
    .executableTarget(
        name: name, dependencies: dependencies, swiftSettings: strict, linkerSettings: linkerSettings)
}

/// Swift's own libraries become a part of the optimized program: it starts in half the time, and runs where there is no
/// Swift. The libraries named are those that Foundation's modules ask for by themselves only where they are compiled
/// for this.
let standalone: [LinkerSetting] =
    [.unsafeFlags(["-static-stdlib"], .when(platforms: [.linux], configuration: .release))]
    + ["CoreFoundation", "_FoundationICU", "_FoundationCShims", "_FoundationCollections"].map {
        .linkedLibrary($0, .when(platforms: [.linux], configuration: .release))
    }

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
    .product(name: "NIOHTTP1", package: "swift-nio"),
]

let package = Package(
    name: "trueup",
    products: [.executable(name: "trueup", targets: ["trueup"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .systemLibrary(name: "CLibpq", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .target(name: "CLibcurl", linkerSettings: [.linkedLibrary("curl")]),
        .target(name: "COpenSSL", linkerSettings: [.linkedLibrary("crypto")]),
        .target(name: "CSimdjson", linkerSettings: [.linkedLibrary("simdjson")]),
        .target(name: "CXlsxWriter", linkerSettings: [.linkedLibrary("xlsxwriter"), .linkedLibrary("z")]),
        module("Reconciliation"),
        module("Schedule"),
        module("PostgreSQL", ["CLibpq"]),
        module("Curl", ["CLibcurl"]),
        module("Stripe", ["Curl", "CSimdjson", "COpenSSL"]),
        module("Store", ["Reconciliation", "Schedule", "PostgreSQL"]),
        module("Credits", ["Reconciliation", "PostgreSQL", "Store"]),
        module("Jobs", ["Reconciliation", "Schedule", "Curl", "Stripe", yams]),
        module("Reports", ["Reconciliation", "Schedule", "CXlsxWriter", "COpenSSL"]),
        module(
            "Runner",
            ["Reconciliation", "Schedule", "PostgreSQL", "Curl", "Stripe", "Store", "Credits", "Jobs", "Reports"]),
        module(
            "Service",
            [
                "Reconciliation", "Schedule", "PostgreSQL", "Curl", "Stripe", "Store", "Credits", "Jobs", "Runner",
                "COpenSSL", hummingbird, lifecycle, logging,
            ] + nio),
        module("Sandbox", ["COpenSSL"] + nio),
        program(
            "trueup",
            [
                "Reconciliation", "Schedule", "PostgreSQL", "Curl", "Stripe", "Store", "Credits", "Jobs", "Reports",
                "Runner", "Service", "Sandbox", arguments, logging, lifecycle,
            ], linkerSettings: standalone),
        program(
            "TrueupBench", ["Reconciliation", "Schedule", "PostgreSQL", "Stripe", "Store", arguments]),
        .target(
            name: "Support", dependencies: ["PostgreSQL", "Curl", "Store", "Sandbox"], path: "Tests/Support",
            exclude: ["python"], swiftSettings: strict),
        tests("TidyTests", []),
        tests("ReconciliationTests", ["Reconciliation"]),
        tests("ScheduleTests", ["Schedule"]),
        tests("PostgreSQLTests", ["PostgreSQL"]),
        tests("CurlTests", ["Curl", "Support"]),
        tests("StripeTests", ["Stripe", "Curl", "Sandbox", "Support"]),
        tests("JobsTests", ["Jobs", "Schedule", "Support"]),
        tests("ReportsTests", ["Reports", "Reconciliation", "Schedule", "CXlsxWriter"]),
        .testTarget(
            name: "SandboxTests", dependencies: ["Sandbox", "Support"], exclude: ["python"], swiftSettings: strict),
        tests("StoreTests", ["Store", "Support"]),
        tests("CreditsTests", ["Credits", "Store", "Support", "PostgreSQL", "Reconciliation"]),
        tests(
            "RunnerTests",
            [
                "Runner", "Support", "Sandbox", "Jobs", "Store", "Stripe", "Curl", "Credits", "PostgreSQL",
                "Reconciliation", "Reports", "Schedule", yams,
            ]),
        tests(
            "ServiceTests",
            [
                "Service", "Support", "Sandbox", "Jobs", "Store", "Stripe", "Curl", "Credits", "PostgreSQL", "Runner",
                "Reconciliation", "COpenSSL", logging,
            ]),
        tests(
            "EndToEndTests",
            [
                "Service", "Runner", "Support", "Sandbox", "Jobs", "Store", "Stripe", "Curl", "Credits", "PostgreSQL",
                "Reconciliation", logging,
            ]),
        .testTarget(
            name: "TrueupTests",
            dependencies: ["PostgreSQL", "Curl", "Support", "Sandbox", "Schedule", "Store"],
            exclude: ["Golden"], swiftSettings: strict),
    ],
    cxxLanguageStandard: .cxx17
)
