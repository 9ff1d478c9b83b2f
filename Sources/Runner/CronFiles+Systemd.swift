import Jobs
import Schedule

extension CronFiles {
    /// A service for one run of a job, a timer for each job that systemd can time, the scheduler, and more workers.
    var systemdUnits: [File] {
        var files = [
            service(
                "trueup-run@", "One run of job %i", "trueup run --quiet --jobs \(unitDirectory) %i",
                // Open differences (2) and a run that is under way (75) are no failures of the unit.
                ["Type=oneshot", "SuccessExitStatus=2 75"]),
            service(
                "trueup-schedule", "The scheduler, which also works", "trueup schedule --jobs \(unitDirectory)",
                ["Type=exec", "Restart=always", "RestartSec=5", "TimeoutStopSec=15"], isInstalled: true,
                remarks: jobs.compactMap { job in
                    Self.obstacle(job).map { "# \(job.name) has no timer: \($0)." }
                }),
            service(
                "trueup-worker@", "Worker %i", "trueup work --jobs \(unitDirectory)",
                ["Type=exec", "Restart=always", "RestartSec=5", "TimeoutStopSec=15"], isInstalled: true),
        ]
        files += jobs.compactMap(timer) + [serveUnit]
        return files.sorted { $0.path < $1.path }
    }

    func service(
        _ name: String, _ description: String, _ command: String, _ settings: [String], isInstalled: Bool = false,
        remarks: [String] = []
    ) -> File {
        var lines = [Self.header + "systemd"] + remarks
        lines += [
            "[Unit]", "Description=Trueup: \(description)",
            "Wants=network-online.target", "After=network-online.target", "", "[Service]",
        ]
        lines += settings
        lines += [
            "ExecStart=/usr/local/bin/\(command)",
            "# Keys, signing secrets and DATABASE_URL, as NAME=value; readable by root alone.",
            "EnvironmentFile=-/etc/trueup/environment",
            "DynamicUser=yes", "StateDirectory=trueup", "WorkingDirectory=/var/lib/trueup",
        ]
        lines += Self.shutIn
        if isInstalled { lines += ["", "[Install]", "WantedBy=multi-user.target"] }
        return File(path: "systemd/\(name).service", text: lines.joined(separator: "\n") + "\n")
    }

    /// Nothing but the network, its own directory and the files that it reads: see systemd.exec(5), and
    /// `systemd-analyze security`.
    private static let shutIn = [
        "NoNewPrivileges=yes", "CapabilityBoundingSet=", "AmbientCapabilities=", "UMask=0077",
        "ProtectSystem=strict", "ProtectHome=yes", "ProtectProc=invisible", "ProtectClock=yes",
        "ProtectControlGroups=yes", "ProtectHostname=yes", "ProtectKernelLogs=yes", "ProtectKernelModules=yes",
        "ProtectKernelTunables=yes", "PrivateTmp=yes", "PrivateDevices=yes", "LockPersonality=yes",
        "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6", "RestrictNamespaces=yes", "RestrictRealtime=yes",
        "RestrictSUIDSGID=yes", "SystemCallArchitectures=native", "SystemCallFilter=@system-service",
        "SystemCallFilter=~@privileged",
    ]

    /// `nil` where systemd cannot express when the job is due.
    private func timer(_ job: JobDefinition) -> File? {
        let calendars = Self.calendars(job)
        guard !calendars.isEmpty else { return nil }
        var lines = [
            Self.header + "systemd", "[Unit]",
            "Description=Trueup: \(Self.unitText(job.name + ": " + job.description))",
            "", "[Timer]",
        ]
        lines += Self.remarks(job, for: .systemd)
        lines += calendars.map { "OnCalendar=\($0)" }
        lines.append("Persistent=\(job.catchUp == .none ? "no" : "yes")")
        lines += [
            "AccuracySec=1s", "RandomizedDelaySec=\(job.jitterSeconds)s",
            "FixedRandomDelay=yes", "Unit=trueup-run@\(job.name).service", "", "[Install]", "WantedBy=timers.target",
        ]
        return File(path: "systemd/trueup-\(job.name).timer", text: lines.joined(separator: "\n") + "\n")
    }

    /// `%` stands for something in unit files, and a backslash at the end of a line takes the next one in.
    private static func unitText(_ text: String) -> String {
        var line = replaced(plain(text)) { $0 == "%" ? "%%" : nil }
        while line.hasSuffix("\\") { line.removeLast() }
        return line
    }

    /// The directory as a word of a command line: see “Command lines” in systemd.service(5), and “Quoting” in
    /// systemd.syntax(7).
    var unitDirectory: String {
        if Self.isOneWord(directory) { return directory }
        let escaped = Self.replaced(directory) { scalar in
            switch scalar {
            case "%": "%%"
            case "$": "$$"
            case "\\": "\\\\"
            case "\"": "\\\""
            default: nil
            }
        }
        return "\"" + escaped + "\""
    }

    /// The schedule in systemd's words: see systemd.time(7). Where day of month and day of week both count and one
    /// suffices, there is one for each.
    static func calendars(_ job: JobDefinition) -> [String] {
        guard obstacle(job) == nil, let expression = job.expression, case .fields(let fields) = expression.rule else {
            return []
        }
        let all = (months: list(fields.months, 1...12), days: list(fields.days.bits, 1...31))
        let week = weekdays(fields.weekdays.bits)
        let time = "\(list(fields.hours, 0...23)):\(list(fields.minutes, 0...59)):00 \(job.timeZone)"
        func calendar(_ week: String, _ days: String) -> String {
            (week.isEmpty ? "" : week + " ") + "*-\(all.months)-\(days) " + time
        }
        if fields.needsBothDays { return [calendar(week, all.days)] }
        if fields.hasEveryDay { return [calendar("", "*")] }
        return [calendar("", all.days), calendar(week, "*")]
    }

    /// Bits as `*` or a list of two digits each.
    private static func list(_ bits: UInt64, _ range: ClosedRange<Int>) -> String {
        let values = range.filter { bits >> UInt64($0) & 1 == 1 }
        if values.count == range.count { return "*" }
        return values.map { ($0 < 10 ? "0" : "") + String($0) }.joined(separator: ",")
    }

    private static func weekdays(_ bits: UInt64) -> String {
        let names = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let chosen = names.indices.filter { bits >> UInt64($0) & 1 == 1 }
        return chosen.count == 7 ? "" : chosen.map { names[$0] }.joined(separator: ",")
    }
}
