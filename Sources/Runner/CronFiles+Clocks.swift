import Jobs
import Schedule

// What a form makes of the days on which clocks are set forward or back, where that is not what the scheduler does.
extension CronFiles {
    /// A line for each way in which a form meets a change of the job's clock otherwise than `trueup schedule`, from
    /// 2026 to 2035. The years are fixed, so that the files do not change with the day on which they are made.
    ///
    /// The scheduler runs a fixed time that is jumped over at the gap's end, one that is shown twice on the first pass,
    /// and goes by real time where the minute or the hour begins with `*`. Of what is shown twice, systemd runs one
    /// alone. Kubernetes goes by the clock on the wall (<https://pkg.go.dev/github.com/robfig/cron/v3>), and so does
    /// cronie where `CRON_TZ` names the zone: “There will be jobs missed or run twice during the DST change in the job
    /// timezone” (`find_jobs` in <https://github.com/cronie-crond/cronie/blob/master/src/cron.c>).
    static func remarks(_ job: JobDefinition, for form: Form) -> [String] {
        guard let expression = job.expression else { return [] }
        let (from, to) = (newYear(2026), newYear(2036))
        let otherwise = "leave the job to trueup schedule, or take another time."
        let days = "# On days on which clocks in \(job.timeZone)"
        let whom =
            switch form {
            case .crontab: "cronie"
            case .systemd: "systemd"
            case .kubernetes: "Kubernetes"
            }
        var remarks: [String] = []
        if let local = expression.firstInGap(of: job.zone, from: from, to: to) {
            remarks.append("\(days) jump over \(clock(local)), \(whom) runs nothing: \(otherwise)")
        }
        guard let local = expression.firstInOverlap(of: job.zone, from: from, to: to) else { return remarks }
        let twice = "\(days) show \(clock(local)) twice, \(whom)"
        switch (form, expression.isWildcard) {
        case (.crontab, false): remarks.append("\(twice) may run the job both times: \(otherwise)")
        case (.kubernetes, false): remarks.append("\(twice) runs the job both times: \(otherwise)")
        case (.systemd, true): remarks.append("\(twice) leaves an hour out: leave the job to trueup schedule.")
        case (.systemd, false), (.crontab, true), (.kubernetes, true): break
        }
        return remarks
    }

    private static func newYear(_ year: Int) -> Int64 {
        Int64(CivilDate.daysSinceEpoch(year: year, month: 1, day: 1)) * 86_400
    }

    private static func clock(_ local: Int64) -> Substring { ISOTime.text(local, in: .utc).dropFirst(11).prefix(5) }
}
