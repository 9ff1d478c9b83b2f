import Foundation
import Jobs
import Runner
import Schedule
import Support
import Testing
import Yams

@Suite("Files for cron, systemd and Kubernetes")
struct CronFilesTests {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static func made() throws -> CronFiles {
        CronFiles(try JobFiles.load(directory: root.appendingPathComponent("jobs").path))
    }

    /// Schedules of every form: what a cron can be told, and what only the scheduler knows.
    static func sample() throws -> CronFiles {
        let jobs = [
            try ScheduleScene.job("plain", "15 2 * * *"), try ScheduleScene.job("often", "*/20 8-18 * * MON-FRI"),
            try ScheduleScene.job("either", "0 4 1,15 * SUN"), try ScheduleScene.job("seconds", "30 0 3 * * *"),
            try ScheduleScene.job("last", "0 3 L * *"), try ScheduleScene.job("every", "@every 7m"),
            try ScheduleScene.job("daily", "@daily"), try ScheduleScene.job("report", nil, after: ["plain"]),
        ]
        return CronFiles(JobSet(settings: Settings(accounts: []), jobs: jobs))
    }

    @Test("cron/ is what the job files say; `trueup cron print --for all --write cron` makes it again")
    func kept() throws {
        let made = try Self.made()
        let folder = Self.root.appendingPathComponent("cron")
        var paths: Set<String> = []
        for file in try CronFiles.Form.allCases.flatMap({ try made.files(for: $0) }) {
            paths.insert(file.path)
            let kept = try? String(contentsOf: folder.appendingPathComponent(file.path), encoding: .utf8)
            #expect(kept == file.text, "cron/\(file.path) differs from jobs/; see the name of this test")
        }
        let found = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
        #expect(Set(found.filter { $0.contains(".") || $0 == "crontab" }) == paths)
    }

    @Test("every line of the crontab is one that fires when the job does")
    func crontab() throws {
        let text = try Self.sample().files(for: .crontab)[0].text
        let expected = [
            "plain": "15 2 * * *", "often": "*/20 8-18 * * MON-FRI", "either": "0 4 1,15 * SUN", "daily": "@daily",
        ]
        var found: [String: [Int64]] = [:]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") && line.contains("trueup run") {
            let words = line.split(separator: " ")
            let name = try #require(words.last.map(String.init))
            let expression = try CronExpression(words.prefix(5).joined(separator: " "))
            found[name] = expression.next(50, after: 1_795_435_200, in: .utc)
            #expect(!line.contains("%"))
        }
        #expect(Set(found.keys) == Set(expected.keys))
        for (name, schedule) in expected {
            #expect(found[name] == (try CronExpression(schedule)).next(50, after: 1_795_435_200, in: .utc), "\(name)")
        }
        for name in ["seconds", "last", "every", "report"] { #expect(text.contains("# \(name): ")) }
        #expect(text.contains("\n# DATABASE_URL\n"), "it says what the environment has to hold")
        #expect(text.split(separator: "\n").filter { $0.hasPrefix("# Not here: ") }.count == 4)
    }

    static func one(
        _ name: String, _ schedule: String, zone: String = "UTC", _ form: CronFiles.Form
    ) throws -> String {
        try files([name], schedule, zone: zone).files(for: form).map { "## \($0.path)\n\($0.text)" }.joined()
    }

    private static func files(_ names: [String], _ schedule: String, zone: String = "UTC") throws -> CronFiles {
        let jobs = try names.map { name in
            var job = try ScheduleScene.job(name, schedule)
            job.timeZone = zone
            job.zone = try Zone.load(zone)
            return job
        }
        return CronFiles(JobSet(settings: Settings(accounts: []), jobs: jobs))
    }

    @Test(
        "Kubernetes gets days of the week from 0 to 6, and a star alone where one field of days decides",
        arguments: [
            ("0 0 * * 7", "0 0 * * 0"), ("0 0 * * 5-7", "0 0 * * 5,6,0"), ("0 0 * * MON-FRI", "0 0 * * MON-FRI"),
            ("0 0 * * 1-7/2", "0 0 * * 1,3,5,0"), ("0 0 * * 5/2", "0 0 * * 5-6/2"), ("0 0 * * 7/2", "0 0 * * 0"),
            ("0 0 * * SUN,FRI-7", "0 0 * * SUN,5,6,0"), ("5/15 * * * *", "5-59/15 * * * *"),
            ("0 0 1-31 * */2", "0 0 * * */2"), ("0 0 1-31 * MON", "0 0 * * *"), ("0 0 5,* * MON", "0 0 * * *"),
            ("0 0 */2 * *", "0 0 */2 * *"), ("0 0 1,15 * SUN", "0 0 1,15 * SUN"), ("0 0 1 * 0-6", "0 0 * * *"),
        ])
    func kubernetesDays(_ schedule: String, _ expected: String) throws {
        let text = try Self.one("job", schedule, .kubernetes)
        #expect(text.contains("  schedule: \"\(expected)\"\n"), "\(text)")
        let (own, told) = (try CronExpression(schedule), try CronExpression(expected))
        #expect(own.next(80, after: 1_795_435_200, in: .utc) == told.next(80, after: 1_795_435_200, in: .utc))
    }

    @Test(
        "days that must be right twice are nothing for Kubernetes, which says so",
        arguments: ["0 0 */2 * MON", "0 0 1-7 * */2", "0 0 *,3 * MON-FRI/2", "0 0 1,15 * */3"])
    func kubernetesBothDays(_ schedule: String) throws {
        let text = try Self.one("job", schedule, .kubernetes)
        let isBoth = schedule != "0 0 *,3 * MON-FRI/2"
        #expect(text.contains("# job is not here: \(schedule) asks for days that are right in the month and") == isBoth)
        #expect(text.contains("kind: CronJob") != isBoth, "\(text)")
        #expect(try Self.one("job", schedule, .crontab).contains("\n\(schedule) trueup run"))
    }

    @Test("a job's name becomes one that Kubernetes takes, and no two become one")
    func kubernetesNames() throws {
        let text = try Self.one("credit_invoices-_", "15 2 * * *", .kubernetes)
        #expect(text.contains("  name: trueup-credit-invoices\n"), "\(text)")
        #expect(text.contains("trueup/job: \"credit_invoices\"}"))
        #expect(text.contains("\"credit_invoices-_\"]"), "its arguments name the job as it is")
        let long = try Self.one(String(repeating: "x", count: 46), "15 2 * * *", .kubernetes)
        #expect(long.contains("longer than the 52 characters") && !long.contains("kind: CronJob"))
        #expect(
            throws: CronFilesError.oneName(jobs: ["a-b", "a_b"], name: "trueup-a-b")
        ) { try Self.files(["a-b", "a_b", "c"], "15 2 * * *").files(for: .kubernetes) }
        #expect(try Self.files(["a-b", "a_b"], "15 2 * * *").files(for: .systemd).count == 6)
    }

    @Test("what systemd cannot express has no timer, and the scheduler's unit says why")
    func noTimer() throws {
        let files = try Self.sample().files(for: .systemd)
        let timers = files.map(\.path).filter { $0.hasSuffix(".timer") }
        #expect(timers == ["daily", "either", "often", "plain"].map { "systemd/trueup-\($0).timer" })
        #expect(!files.contains { $0.text.contains("1970-01-01") })
        let unit = try #require(files.first { $0.path == "systemd/trueup-schedule.service" })
        for name in ["seconds", "last", "every", "report"] { #expect(unit.text.contains("\n# \(name) has no timer: ")) }
        for (schedule, days) in [
            ("0 4 1 * 0-6", "*-*-*"), ("0 4 1-31 * MON", "*-*-*"), ("0 4 1-31 * */6", "Sun,Sat *-*-*"),
        ] {
            let text = try Self.one("job", schedule, .systemd)
            #expect(text.contains("\nOnCalendar=\(days) 04:00:00 UTC\n"), "\(schedule): \(text)")
        }
    }

    @Test("a time that a clock jumps over is said where it would be skipped, with what to do")
    func gaps() throws {
        let words = "# On days on which clocks in America/New_York jump over 02:15, "
        // With CRON_TZ, cronie does not make up for a gap either.
        for (form, whom) in [(CronFiles.Form.crontab, "cronie"), (.systemd, "systemd"), (.kubernetes, "Kubernetes")] {
            let text = try Self.one("job", "15 2 * * *", zone: "America/New_York", form)
            let remarks = text.split(separator: "\n").filter { $0.contains("jump over") }
            #expect(remarks.count == 1)
            #expect(remarks.first?.hasPrefix(words + whom + " runs nothing: leave the job to trueup schedule") == true)
            for (schedule, zone) in [
                ("15 2 * * *", "UTC"), ("15 3 * * *", "America/New_York"), ("15 * * * *", "America/New_York"),
                ("15 2 20 * *", "America/New_York"), ("*/5 2 * * *", "America/New_York"), ("15 2 * * *", "Asia/Tokyo"),
            ] {
                let other = try Self.one("job", schedule, zone: zone, form)
                #expect(!other.contains("jump over"), "\(schedule) \(zone)")
            }
            let sunday = try Self.one("job", "30 0 * * SUN", zone: "America/Havana", form)
            #expect(sunday.contains("jump over 00:30"))
        }
    }

    @Test("a time that a clock shows twice is said where the job would run more or less often than by the scheduler")
    func overlaps() throws {
        let clocks = "# On days on which clocks in America/New_York show "
        let york = "America/New_York"
        func remarks(_ schedule: String, _ form: CronFiles.Form, _ zone: String? = nil) throws -> [String] {
            try Self.one("job", schedule, zone: zone ?? york, form).split(separator: "\n").map(String.init)
                .filter { $0.contains(" twice, ") }
        }
        let better = "leave the job to trueup schedule, or take another time."
        for (form, words) in [(CronFiles.Form.kubernetes, "Kubernetes runs"), (.crontab, "cronie may run")] {
            let told = [clocks + "01:30 twice, \(words) the job both times: " + better]
            #expect(try remarks("30 1 * * *", form) == told)
        }
        #expect(try remarks("30 1 * * *", .systemd).isEmpty)
        for (schedule, time) in [("40 * * * *", "01:40"), ("*/30 1 * * *", "01:00")] {
            let told = [clocks + "\(time) twice, systemd leaves an hour out: leave the job to trueup schedule."]
            #expect(try remarks(schedule, .systemd) == told)
            #expect(try remarks(schedule, .crontab).isEmpty)
            #expect(try remarks(schedule, .kubernetes).isEmpty)
        }
        for form in CronFiles.Form.allCases {
            for (schedule, zone) in [
                ("15 2 * * *", york), ("30 1 20 * *", york), ("30 1 * * *", "UTC"), ("30 1 * * *", "Asia/Tokyo"),
            ] {
                #expect(try remarks(schedule, form, zone).isEmpty)
            }
        }
    }

    private static func installed(_ directory: String, image: String = "trueup:latest") throws -> CronFiles {
        let jobs = [try ScheduleScene.job("job", "15 2 * * *")]
        return CronFiles(
            JobSet(settings: Settings(accounts: []), jobs: jobs), directory: directory, image: image)
    }

    /// What cronie hands to the shell of a command (`child_process` in do_command.c): up to the first `%` that no
    /// backslash precedes.
    private static func handed(_ command: String) -> String {
        var handed = ""
        var isEscaped = false
        for character in command {
            if isEscaped {
                if character == "%" { handed.removeLast() }
                isEscaped = false
            } else if character == "%" {
                break
            } else {
                isEscaped = character == "\\"
            }
            handed.append(character)
        }
        return handed
    }

    @Test(
        "a directory is one word in every form, whatever is in its name",
        arguments: [
            ("/etc/trueup/jobs", "/etc/trueup/jobs"), ("/srv/the jobs", "\"/srv/the jobs\""),
            ("/etc/a%b", "\"/etc/a%%b\""), ("/a\\%b\\\\%%", "\"/a\\\\%%b\\\\\\\\%%%%\""),
            ("/it's \"one\"", "\"/it's \\\"one\\\"\""), ("/$HOME/$(id);x&#*", "\"/$$HOME/$$(id);x&#*\""),
            ("/été", "\"/été\""),
        ])
    func directories(_ directory: String, _ unit: String) throws {
        let made = try Self.installed(directory)
        let crontab = try made.files(for: .crontab)[0].text
        let line = try #require(crontab.split(separator: "\n").last { $0.contains("trueup run") })
        let command = line.split(separator: " ", maxSplits: 5)[5]
        let shown = try run("/bin/sh", ["-c", "trueup() { printf '<%s>' \"$@\"; }; " + Self.handed(String(command))])
        #expect(shown.text == "<run><--quiet><--jobs><\(directory)><job>", "\(line)")
        let units = try made.files(for: .systemd).filter { $0.path.hasSuffix(".service") }
        #expect(units.count == 4)
        for file in units { #expect(file.text.contains(" --jobs \(unit)"), "\(file.text)") }
        for document in try Array(load_all(yaml: made.files(for: .kubernetes)[0].text)) {
            let spec = (document as? [String: Any])?["spec"] as? [String: Any]
            let inner = (spec?["jobTemplate"] as? [String: Any])?["spec"] as? [String: Any] ?? spec
            let pod = (inner?["template"] as? [String: Any])?["spec"] as? [String: Any]
            let container = (pod?["containers"] as? [[String: Any]])?.first
            let arguments = try #require(container?["args"] as? [String])
            let index = try #require(arguments.firstIndex(of: "--jobs"))
            #expect(arguments[index + 1].replacing("$$", with: "$") == directory)
            let mounts = container?["volumeMounts"] as? [[String: Any]]
            #expect(mounts?.first?["mountPath"] as? String == directory)
        }
    }

    @Test(
        "a line break or another control character is refused",
        arguments: ["/etc/a\n* * * * * id", "/etc/a\r", "/etc/a\u{7F}", "/etc/\u{85}a", "/etc/\u{2028}a", "/etc/\0"])
    func controlCharacters(_ text: String) throws {
        for form in CronFiles.Form.allCases {
            #expect(throws: CronFilesError.controlCharacter(what: "the directory of the job files")) {
                try Self.installed(text).files(for: form)
            }
            #expect(throws: CronFilesError.controlCharacter(what: "the image")) {
                try Self.installed("/etc/jobs", image: text).files(for: form)
            }
        }
    }

    @Test("systemd takes the units, and its calendar fires when the job does")
    func systemd() async throws {
        let analyze = "/usr/bin/systemd-analyze"
        let files = try Self.sample().files(for: .systemd)
        let either = try #require(files.first { $0.path == "systemd/trueup-either.timer" })
        #expect(either.text.contains("OnCalendar=*-*-01,15 04:00:00 UTC\nOnCalendar=Sun *-*-* 04:00:00 UTC\n"))
        guard FileManager.default.isExecutableFile(atPath: analyze) else { return }
        for file in files where file.path.hasSuffix(".timer") {
            for line in file.text.split(separator: "\n") where line.hasPrefix("OnCalendar=") {
                let result = try run(analyze, ["calendar", String(line.dropFirst("OnCalendar=".count))])
                #expect(result.status == 0, "\(file.path): \(line): \(result.text)")
            }
        }
        let directory = try TestServer.temporaryDirectory()
        defer { TestServer.remove(directory) }
        for file in files {
            let name = file.path.split(separator: "/").last.map(String.init) ?? ""
            // The program need not be installed where the tests run.
            let text = file.text.replacingOccurrences(of: "/usr/local/bin/trueup", with: "/bin/true")
            try text.write(toFile: directory + "/" + name, atomically: true, encoding: .utf8)
        }
        let units = try FileManager.default.contentsOfDirectory(atPath: directory).map { directory + "/" + $0 }
        let result = try run(analyze, ["verify", "--man=no"] + units.filter { !$0.contains("@") })
        let own = result.text.split(separator: "\n").filter { $0.contains("trueup") }
        #expect(own.isEmpty, "\(own.joined(separator: "\n"))")
    }

    private func run(_ path: String, _ arguments: [String]) throws -> (status: Int32, text: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }

    @Test("the manifests are YAML with what keeps a job from running twice")
    func kubernetes() throws {
        let text = try Self.sample().files(for: .kubernetes)[0].text
        let documents = try Array(load_all(yaml: text)).compactMap { $0 as? [String: Any] }
        let kinds = documents.map { $0["kind"] as? String ?? "" }
        #expect(kinds.filter { $0 == "CronJob" }.count == 4)
        #expect(Set(kinds) == ["CronJob", "Deployment", "Job"])
        for document in documents {
            let spec = try #require(document["spec"] as? [String: Any])
            guard document["kind"] as? String == "CronJob" else {
                let pod = try #require((spec["template"] as? [String: Any])?["spec"] as? [String: Any])
                let arguments = (pod["containers"] as? [[String: Any]])?.first?["args"] as? [String]
                #expect(["schedule", "work"].contains(arguments?.first ?? ""))
                continue
            }
            #expect(spec["concurrencyPolicy"] as? String == "Forbid")
            #expect(spec["timeZone"] as? String == "UTC")
            #expect(spec["startingDeadlineSeconds"] as? Int == 86_400)
            let schedule = try #require(spec["schedule"] as? String)
            #expect(schedule.split(separator: " ").count == 5)
            _ = try CronExpression(schedule)
            let template = try #require((spec["jobTemplate"] as? [String: Any])?["spec"] as? [String: Any])
            // A run stops itself first, in each of its attempts: only then it says why.
            let attempts = try #require(template["backoffLimit"] as? Int) + 1
            #expect(template["activeDeadlineSeconds"] as? Int == attempts * (60 + 600))
            let pod = try #require((template["template"] as? [String: Any])?["spec"] as? [String: Any])
            let container = try #require((pod["containers"] as? [[String: Any]])?.first)
            let arguments = try #require(container["args"] as? [String])
            #expect(arguments.prefix(2) == ["run", "--quiet"])
            // A plan that waits needs a place that can be written, and that is a volume.
            let option = try #require(arguments.firstIndex(of: "--plans"))
            let mounts = container["volumeMounts"] as? [[String: Any]] ?? []
            let mount = try #require(mounts.first { $0["mountPath"] as? String == arguments[option + 1] })
            #expect(mount["readOnly"] == nil)
            let volumes = pod["volumes"] as? [[String: Any]] ?? []
            #expect(volumes.contains { $0["name"] as? String == mount["name"] as? String })
            #expect(pod["restartPolicy"] as? String == "Never")
        }
    }
}
