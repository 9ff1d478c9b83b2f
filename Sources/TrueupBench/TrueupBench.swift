import ArgumentParser

/// What is measured of single parts, each next to a plain way of doing the same in the same run. Ratios count, not
/// seconds.
@main
struct TrueupBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "TrueupBench",
        abstract: "Measures single parts of Trueup next to a plain way of doing the same.",
        subcommands: [PartsCommand.self, CompareCommand.self])
}
