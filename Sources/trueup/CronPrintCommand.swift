import ArgumentParser
import Foundation
import Runner
import Schedule

struct CronPrintCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "print", abstract: "Prints a crontab, systemd units or Kubernetes manifests for the jobs.",
        discussion: "The directory cron/ holds them all; it is made by: trueup cron print --for all --write cron")

    enum Form: String, ExpressibleByArgument, CaseIterable {
        case crontab, systemd, kubernetes, all
    }

    @Option(name: .customLong("for"), help: "crontab, systemd, kubernetes, or all.")
    var form: Form

    @Option(
        name: .long, help: ArgumentHelp("Where the job files are on the machines that run them.", valueName: "dir"))
    var installedJobs = "/etc/trueup/jobs"

    @Option(name: .long, help: ArgumentHelp("The container image, for Kubernetes.", valueName: "name"))
    var image = "trueup:latest"

    @Option(name: .long, help: ArgumentHelp("Write the files below this directory instead.", valueName: "dir"))
    var write: String?

    @OptionGroup var files: JobOptions

    func run() throws {
        let made = CronFiles(try files.load(), directory: installedJobs, image: image)
        let forms =
            form == .all ? CronFiles.Form.allCases : CronFiles.Form.allCases.filter { $0.rawValue == form.rawValue }
        let all = try forms.flatMap { try made.files(for: $0) }
        for file in all {
            if let write {
                let path = write + "/" + file.path
                try FileManager.default.createDirectory(
                    atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
                try file.text.write(toFile: path, atomically: true, encoding: .utf8)
                Terminal.say("written: \(path)")
            } else {
                if all.count > 1 { Terminal.print("# ==> \(file.path)") }
                Terminal.printRaw(file.text)
            }
        }
        if let write, forms.contains(.systemd) { warnOfTimers(below: write, besides: all) }
    }

    /// A timer of an earlier time would go on starting its job.
    private func warnOfTimers(below directory: String, besides made: [CronFiles.File]) {
        for name in listDirectory(directory + "/systemd") where name.hasPrefix("trueup-") && name.hasSuffix(".timer") {
            guard !made.contains(where: { $0.path == "systemd/" + name }) else { continue }
            Terminal.warn("\(directory)/systemd/\(name) is no timer of these jobs any more: disable and delete it")
        }
    }
}
