import Jobs
import Schedule

/// What starts the jobs without `trueup schedule`: a crontab, systemd units, Kubernetes manifests. Text made from the
/// job files, to be read, kept in version control, and made again when they change.
public struct CronFiles: Sendable {
    /// One file: its path below `cron/`, and its text.
    public struct File: Sendable, Hashable {
        public let path: String
        public let text: String
    }

    /// For what.
    public enum Form: String, Sendable, CaseIterable {
        case crontab, systemd, kubernetes
    }

    let jobs: [JobDefinition]
    private let settings: Settings
    /// Where the files of the jobs are, on the machine that runs them.
    let directory: String
    /// The container image.
    let image: String

    public init(_ set: JobSet, directory: String = "/etc/trueup/jobs", image: String = "trueup:latest") {
        jobs = set.jobs
        settings = set.settings
        self.directory = directory
        self.image = image
    }

    /// The files of one form, in the order of their paths.
    /// - Throws: where two jobs would be one object, or a value has a line break or another control character.
    public func files(for form: Form) throws(CronFilesError) -> [File] {
        for (what, text) in [("the directory of the job files", directory), ("the image", image)]
        where Self.plain(text) != text {
            throw .controlCharacter(what: what)
        }
        return switch form {
        case .crontab: [File(path: "crontab", text: crontab)]
        case .systemd: systemdUnits
        case .kubernetes: [File(path: "kubernetes.yaml", text: try kubernetes())]
        }
    }

    static let header = "# Made from the job files by: trueup cron print --for "

    /// Why a schedule cannot be written in five plain fields; `nil` where it can.
    static func obstacle(_ definition: JobDefinition) -> String? {
        guard let expression = definition.expression else {
            return definition.after.isEmpty
                ? "it has no schedule: trueup run \(definition.name)"
                : "it comes after \(definition.after.joined(separator: ", ")), which only trueup schedule knows"
        }
        guard case .fields(let fields) = expression.rule else {
            return "\(plain(expression.text)) counts from 1970, which only trueup schedule does"
        }
        if fields.seconds != 1 { return "it has seconds, which only trueup schedule knows" }
        let (days, week) = (fields.days, fields.weekdays)
        guard !days.hasLast, !days.hasLastWeekday, days.nearestWeekdays == 0, week.last == 0, week.nth == 0 else {
            return "L, W and # are known to trueup schedule alone"
        }
        return definition.after.isEmpty
            ? nil : "it waits for \(definition.after.joined(separator: ", ")), which only trueup schedule does"
    }

    /// The five fields in a form that every cron reads.
    static func plainFields(_ definition: JobDefinition) -> String? {
        guard obstacle(definition) == nil, let expression = definition.expression,
            case .fields(let fields) = expression.rule
        else { return nil }
        // Six words are five with the seconds in front.
        return zip(fields.words.suffix(5), [59, 23, 31, 12, 6]).map(plainField).joined(separator: " ")
    }

    /// `?` is `*`, and `5/15` is `5-59/15`: other crons know no step without a range. The week ends on Saturday.
    private static func plainField(_ word: String, last: Int) -> String {
        let parts = word.uppercased().split(separator: ",", omittingEmptySubsequences: false).map { part in
            let halves = part.split(separator: "/", omittingEmptySubsequences: false)
            guard halves.count == 2, !halves[0].contains(where: { "*?-".contains($0) }) else {
                return part == "?" ? "*" : String(part)
            }
            // A seventh day of the week, from which no step leads on.
            if let first = Int(halves[0]), first > last { return String(halves[0]) }
            return "\(halves[0])-\(last)/\(halves[1])"
        }
        return parts.joined(separator: ",")
    }

    // MARK: - crontab

    /// The environment variables that the runs look for; the database's first.
    private var variables: [String] {
        let accounts = Set(jobs.flatMap(\.kind.accounts))
        var names = settings.accounts.filter { accounts.contains($0.name) }.map(\.secretKeyEnv)
        names += [settings.delivery.email?.urlEnv, settings.delivery.slack?.urlEnv].compactMap(\.self)
        if let s3 = settings.delivery.s3 { names += [s3.accessKeyEnv, s3.secretKeyEnv] }
        names += jobs.compactMap(\.notify.pingURLEnv)
        return [settings.databaseURLEnv] + Set(names).subtracting([settings.databaseURLEnv]).sorted()
    }

    /// For cronie, which reads `CRON_TZ`; other crons take the machine's zone.
    private var crontab: String {
        var lines = [
            Self.header + "crontab",
            "# CRON_TZ is cronie's: other crons need TZ of the machine to be the jobs' zone.",
            "# A job that runs already ends with 75, and nothing is printed when nothing was found.",
            "# A plan that waits for approval is written to plans/ in the home directory of this crontab's user.",
            "# cron passes nothing of a login's environment on. Each of these has to be set below, as NAME=value or as",
            "# NAME_FILE=/path of a file that this user alone can read:",
            "# \(variables.joined(separator: " "))",
            "SHELL=/bin/sh", "PATH=/usr/local/bin:/usr/bin:/bin",
        ]
        var zone = ""
        for job in jobs {
            lines += ["", "# \(job.name): \(Self.plain(job.description))"]
            guard let fields = Self.plainFields(job) else {
                lines.append("# Not here: \(Self.obstacle(job) ?? "").")
                continue
            }
            lines += Self.remarks(job, for: .crontab)
            if job.timeZone != zone { lines.append("CRON_TZ=\(job.timeZone)") }
            zone = job.timeZone
            lines.append("\(fields) trueup run --quiet --jobs \(Self.shellWord(directory)) \(job.name)")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// One line: what a cron, a unit file or YAML would take for the end of a line, and any other control character, is
    /// a space.
    static func plain(_ text: String) -> String {
        replaced(text) { scalar in
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator: " "
            default: nil
            }
        }
    }

    /// A text with others in the place of some of its scalars: who reads the files knows bytes, and no characters that
    /// are made of several.
    static func replaced(_ text: String, _ other: (Unicode.Scalar) -> String?) -> String {
        var made = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if let other = other(scalar) { made.append(contentsOf: other.unicodeScalars) } else { made.append(scalar) }
        }
        return String(made)
    }

    /// Whether a text is one word, as it is, to a shell, to cron and to systemd.
    static func isOneWord(_ text: String) -> Bool {
        let others = Set("/._-+:@,".utf8)
        return !text.isEmpty
            && text.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || others.contains(byte)
            }
    }

    /// A word of a crontab's command: in single quotes for the shell, and with a backslash before `%`, which cron would
    /// take for the end of the command. Cron takes a backslash before that one for a pair, so quotes stand in between.
    static func shellWord(_ text: String) -> String {
        if isOneWord(text) { return text }
        var last: Unicode.Scalar?
        let quoted = replaced(text) { scalar in
            defer { last = scalar }
            switch scalar {
            case "'": return "'\\''"
            case "%": return last == "\\" ? "''\\%" : "\\%"
            default: return nil
            }
        }
        return "'" + quoted + "'"
    }
}
