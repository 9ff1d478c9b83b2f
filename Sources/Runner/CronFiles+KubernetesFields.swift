import Jobs
import Schedule

extension CronFiles {
    /// A DNS label (RFC 1123): letters, digits and `-`, which are not at its end.
    static func kubernetesName(_ job: JobDefinition) -> String {
        "trueup-" + trimmed(job.name).replacing("_", with: "-")
    }

    /// Names and values of labels end with a letter or a digit. A job's name begins with one.
    static func trimmed(_ name: String) -> String {
        String(name.prefix(1 + (name.lastIndex { $0 != "-" && $0 != "_" }?.utf16Offset(in: name) ?? 0)))
    }

    /// Why there is no CronJob for a job; `nil` where there is one.
    static func kubernetesObstacle(_ job: JobDefinition) -> String? {
        if let obstacle = obstacle(job) { return obstacle }
        // https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/: its pods' names are longer.
        if kubernetesName(job).utf8.count > 52 {
            return "trueup-\(job.name) is longer than the 52 characters that a CronJob's name may have"
        }
        guard case .fields(let fields)? = job.expression?.rule, fields.needsBothDays, !fields.hasEveryDay else {
            return nil
        }
        return "\(fields.words.suffix(5).joined(separator: " ")) asks for days that are right in the month and in the "
            + "week, and Kubernetes would take either"
    }

    /// Five fields as Kubernetes reads them (<https://pkg.go.dev/github.com/robfig/cron/v3>): days of the week are
    /// 0 to 6, and only a plain `*` leaves the choice to the other field of days.
    static func kubernetesFields(_ job: JobDefinition) -> String? {
        guard kubernetesObstacle(job) == nil, let plain = plainFields(job),
            case .fields(let fields)? = job.expression?.rule
        else { return nil }
        var words = plain.split(separator: " ").map(String.init)
        // Where either suffices and one is always right, every day is; where both are needed, the other decides.
        let isAnyDay = fields.hasEveryDay && !fields.needsBothDays
        words[2] = isAnyDay || fields.days.isEvery ? "*" : words[2]
        words[4] = isAnyDay || fields.weekdays.isEvery ? "*" : weekWithoutSeven(words[4])
        return words.joined(separator: " ")
    }

    /// `7` is `0`, and `5-7` is `5,6,0`.
    private static func weekWithoutSeven(_ word: String) -> String {
        let parts = word.split(separator: ",").flatMap { part -> [String] in
            let halves = part.split(separator: "/")
            let ends = halves[0].split(separator: "-")
            guard ends.last == "7" else { return [String(part)] }
            let step = halves.count == 2 ? Int(halves[1]) ?? 1 : 1
            return stride(from: dayOfWeek(ends[0]), through: 7, by: step).map { String($0 % 7) }
        }
        return parts.joined(separator: ",")
    }

    private static func dayOfWeek(_ text: Substring) -> Int {
        Int(text) ?? ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"].firstIndex(of: text) ?? 0
    }
}

extension CronFields {
    /// Both fields of days must be right, since one begins with `*`; else either suffices.
    var needsBothDays: Bool { days.hasStar || weekdays.hasStar }
    /// One of the two is always right.
    var hasEveryDay: Bool { days.isEvery || weekdays.isEvery }
}

extension CronFields.MonthDays {
    /// All of 1 to 31.
    var isEvery: Bool { bits & 0xFFFF_FFFE == 0xFFFF_FFFE }
}

extension CronFields.WeekDays {
    /// All of Sunday to Saturday.
    var isEvery: Bool { bits & 0x7F == 0x7F }
}
