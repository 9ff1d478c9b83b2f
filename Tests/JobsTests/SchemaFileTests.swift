import Foundation
import Jobs
import Support
import Testing

@Suite("The schema files beside the job files", .timeLimit(.minutes(5)))
struct SchemaFileTests {
    private static let jobs = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("jobs")

    @Test("jobs/schema is what the keys say; `trueup check --schema --write jobs/schema` makes it again")
    func kept() throws {
        for (name, text) in [("job.json", JobSchema.jobJSON()), ("settings.json", JobSchema.settingsJSON())] {
            let kept = try String(contentsOf: Self.jobs.appendingPathComponent("schema/" + name), encoding: .utf8)
            #expect(kept == text, "jobs/schema/\(name) differs; see the name of this test")
        }
    }

    @Test("the first line of every file names its schema, for editors")
    func firstLine() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.jobs.path).filter { $0.hasSuffix(".yaml") }
        #expect(files.count > 5)
        for file in files {
            let text = try String(contentsOf: Self.jobs.appendingPathComponent(file), encoding: .utf8)
            let schema = file == "settings.yaml" ? "settings" : "job"
            #expect(text.hasPrefix("# yaml-language-server: $schema=schema/\(schema).json\n"), "\(file)")
        }
    }

    private static let python = VirtualEnvironment(["jsonschema==4.23.0", "PyYAML==6.0.2"])

    /// Says of each file whether the schema takes it.
    private static let script = """
        import json, re, sys, yaml
        from jsonschema import Draft202012Validator
        # As YAML 1.2, which editors read: "on" is a text.
        class Loader(yaml.SafeLoader):
            yaml_implicit_resolvers = {
                first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:bool"]
                for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
            }
        Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))
        schema = json.load(open(sys.argv[1], encoding="utf-8"))
        Draft202012Validator.check_schema(schema)
        validator = Draft202012Validator(schema)
        for path in sys.argv[2:]:
            with open(path, encoding="utf-8") as file:
                print("good" if validator.is_valid(yaml.load(file, Loader)) else "bad")
        """

    private static func verdicts(_ schema: String, _ paths: [String]) async throws -> [String] {
        let report = try await VirtualEnvironment.run(
            try await python.interpreter(),
            ["-c", script, jobs.appendingPathComponent("schema/" + schema).path] + paths, environment: [:])
        guard report.status == 0 else { throw VirtualEnvironmentError(description: report.output) }
        return report.output.split(separator: "\n").map(String.init)
    }

    @Test("a validator of others takes the project's own files and every good sample, and refuses every bad one")
    func validator() async throws {
        let own = try FileManager.default.contentsOfDirectory(atPath: Self.jobs.path)
            .filter { $0.hasSuffix(".yaml") && $0 != "settings.yaml" }.map { Self.jobs.appendingPathComponent($0).path }
        #expect(try await Self.verdicts("job.json", own) == own.map { _ in "good" })
        let settings = Self.jobs.appendingPathComponent("settings.yaml").path
        #expect(try await Self.verdicts("settings.json", [settings]) == ["good"])
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("trueup-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        func check(_ schema: String, _ samples: [String], _ verdict: String) async throws {
            var paths: [String] = []
            for (number, sample) in samples.enumerated() {
                let path = folder.appendingPathComponent("\(schema)-\(verdict)-\(number).yaml")
                try sample.write(to: path, atomically: true, encoding: .utf8)
                paths.append(path.path)
            }
            for (sample, found) in zip(samples, try await Self.verdicts(schema, paths)) {
                #expect(found == verdict, "\(sample)")
            }
        }
        try await check("job.json", SchemaTests.good, "good")
        try await check("job.json", SchemaTests.bad, "bad")
        try await check("settings.json", SchemaTests.goodSettings, "good")
        try await check("settings.json", SchemaTests.badSettings, "bad")
    }
}
