import Foundation
import Runner
import Support
import Testing

@Suite("What Kubernetes and systemd say of the files", .timeLimit(.minutes(5)))
struct ManifestTests {
    private static let python = VirtualEnvironment(["kubernetes-validate==1.37.0"])

    @Test("the manifests hold against Kubernetes' published schemas, with no property that it does not know")
    func kubernetes() async throws {
        let folder = try TestServer.temporaryDirectory()
        defer { TestServer.remove(folder) }
        let interpreter = try await Self.python.interpreter()
        let validate = (interpreter as NSString).deletingLastPathComponent + "/kubernetes-validate"
        for (name, made) in [("own", try CronFilesTests.made()), ("sample", try CronFilesTests.sample())] {
            let text = try made.files(for: .kubernetes)[0].text
            let path = "\(folder)/\(name).yaml"
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            let report = try await VirtualEnvironment.run(validate, ["--strict", path], environment: [:])
            #expect(report.status == 0, "\(report.output)")
            let passed = report.output.split(separator: "\n").filter { $0.contains(" passed for resource ") }
            #expect(passed.count == text.components(separatedBy: "\nkind: ").count - 1, "\(report.output)")
            // The validator does find what is wrong.
            let wrong = text.replacingOccurrences(of: "concurrencyPolicy: Forbid", with: "concurrencyPolice: Forbid")
            try wrong.write(toFile: path, atomically: true, encoding: .utf8)
            #expect(try await VirtualEnvironment.run(validate, ["--strict", path], environment: [:]).status != 0)
        }
    }

    @Test("every service is well shut in: systemd-analyze security gives less than 2 of 10")
    func security() async throws {
        let analyze = "/usr/bin/systemd-analyze"
        let services = try CronFilesTests.made().files(for: .systemd).filter { $0.path.hasSuffix(".service") }
        #expect(services.count == 4)
        for service in services {
            for word in ["NoNewPrivileges=yes", "CapabilityBoundingSet=", "SystemCallFilter=~@privileged"] {
                #expect(service.text.contains(word + "\n"), "\(service.path): \(word)")
            }
        }
        guard FileManager.default.isExecutableFile(atPath: analyze) else { return }
        let folder = try TestServer.temporaryDirectory()
        defer { TestServer.remove(folder) }
        for service in services {
            let name = service.path.split(separator: "/").last.map { $0.replacingOccurrences(of: "@", with: "-") } ?? ""
            let path = "\(folder)/\(name)"
            try service.text.replacingOccurrences(of: "/usr/local/bin/trueup", with: "/bin/true")
                .write(toFile: path, atomically: true, encoding: .utf8)
            let report = try await VirtualEnvironment.run(
                analyze, ["security", "--offline=true", "--threshold=20", "--no-pager", path], environment: [:])
            #expect(report.status == 0, "\(report.output)")
        }
    }
}
