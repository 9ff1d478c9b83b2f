import ArgumentParser
import Foundation

struct PartsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "parts", abstract: "Page decoder, COPY encoder and cron search, as one document of JSON.")

    @Option(help: "A page of a list of invoices, as Stripe sends it.")
    var page: String

    @Option(help: "How long each of the two ways is repeated, in seconds.")
    var seconds = 1.0

    func validate() throws {
        guard (0.01...60).contains(seconds) else { throw ValidationError("--seconds takes 0.01 to 60.") }
    }

    func run() throws {
        guard let bytes = FileManager.default.contents(atPath: page) else {
            throw ValidationError("\(page) cannot be read.")
        }
        let body = [UInt8](bytes)
        let measurements = [
            try PageDecoding(body: body).measure(seconds: seconds),
            try CopyEncoding(body: body).measure(seconds: seconds),
            try CronSearching().measure(seconds: seconds),
        ]
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        print(String(decoding: try encoder.encode(measurements), as: UTF8.self))
    }
}
