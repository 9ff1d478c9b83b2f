import Store

extension MetricsText {
    /// Everything that Trueup tells of itself.
    /// - Parameters:
    ///   - figures: of the database; `nil` where it could not be read, which the text says.
    ///   - meter: what this process has sent.
    ///   - version: the program's.
    public init(_ figures: Figures?, meter: RequestMeter, version: String) {
        self.init()
        family("trueup_build_info", .gauge, "Always 1; the version is the label.")
        sample([("version", version)], 1)
        process(meter)
        stored(figures)
    }

    /// What the database has: the same names, labels and meanings wherever it is told.
    /// - Parameter figures: `nil` where it could not be read, which the text says.
    public mutating func stored(_ figures: Figures?) {
        family("trueup_figures_readable", .gauge, "Whether the database could be read: 1, or 0 and its figures lack.")
        sample([], figures == nil ? 0 : 1)
        guard let figures else { return }
        runs(figures)
        findings(figures)
        schedule(figures)
    }

    /// What a daemon says of the files that it reads again and again.
    public static func jobFiles(areWrong: Bool) -> String {
        var text = MetricsText()
        text.family("trueup_job_files_wrong", .gauge, "Whether a job file is wrong, as they were read last: 0 or 1.")
        text.sample([], areWrong ? 1 : 0)
        return text.text
    }

    private mutating func counts(_ name: String, _ kind: Kind, _ help: String, _ counts: [Figures.Count]) {
        family(name, kind, help)
        for count in counts { sample(count.labels.map { ($0.name, $0.value) }, count.value) }
    }

    private mutating func process(_ meter: RequestMeter) {
        let readings = meter.readings
        family(
            "trueup_process_requests_total", .counter, "Requests of this process to Stripe, by HTTP status; 0: none.")
        for reading in readings {
            for (status, count) in reading.byStatus.sorted(by: { $0.key < $1.key }) {
                sample([("account", reading.account), ("status", String(status))], Double(count))
            }
        }
        family("trueup_process_request_retries_total", .counter, "Attempts beyond the first, of this process.")
        for reading in readings { sample([("account", reading.account)], Double(reading.retries)) }
        family("trueup_process_limiter_waits_total", .counter, "Requests of this process that waited for the limit.")
        for reading in readings { sample([("account", reading.account)], Double(reading.waits)) }
        family("trueup_process_limiter_wait_seconds_total", .counter, "How long requests of this process waited.")
        for reading in readings { sample([("account", reading.account)], reading.waitedSeconds) }
    }

    private mutating func runs(_ figures: Figures) {
        counts("trueup_runs_total", .counter, "Runs by state, as they stand now.", figures.runs)
        family("trueup_run_duration_seconds", .summary, "How long runs took.")
        for count in figures.runSeconds {
            sample(count.labels.map { ($0.name, $0.value) }, count.value, suffix: "_sum")
        }
        for count in figures.runsEnded {
            sample(count.labels.map { ($0.name, $0.value) }, count.value, suffix: "_count")
        }
        counts("trueup_requests_total", .counter, "Requests to Stripe, of all runs.", figures.requests)
        counts("trueup_objects_total", .counter, "Objects read at Stripe, by all runs.", figures.objects)
        family(
            "trueup_last_run_end_timestamp_seconds", .gauge,
            "When the last run ended, and how; of one that was killed, when it started.")
        for last in figures.lastRuns {
            sample([("job", last.job), ("state", last.state)], last.endedSeconds ?? last.startedSeconds)
        }
        family("trueup_last_run_duration_seconds", .gauge, "How long the last run took, where it was not killed.")
        for last in figures.lastRuns {
            if let seconds = last.seconds { sample([("job", last.job)], seconds) }
        }
        counts(
            "trueup_last_complete_timestamp_seconds", .gauge, "When a run last read everything.", figures.lastComplete)
    }

    private mutating func findings(_ figures: Figures) {
        counts(
            "trueup_findings", .gauge,
            "Findings that are not closed: open ones wait for somebody, what is there for information does not.",
            figures.findings)
        counts("trueup_findings_open", .gauge, "Open findings of all jobs.", figures.open)
        counts("trueup_findings_oldest_seconds", .gauge, "Age of the oldest open finding.", figures.oldest)
        counts("trueup_repairs_total", .counter, "Repairs, reverts included.", figures.repairs)
        counts("trueup_outbox_messages", .gauge, "Messages of the outbox.", figures.outbox)
    }

    private mutating func schedule(_ figures: Figures) {
        counts("trueup_occurrences_total", .counter, "Occurrences by state, as they stand now.", figures.occurrences)
        counts(
            "trueup_schedule_lag_seconds", .gauge, "How long the oldest due occurrence has waited; 0: none does.",
            figures.lag)
        counts(
            "trueup_schedule_lateness_seconds", .gauge, "How long after its time the last occurrence started.",
            figures.lateness)
        counts("trueup_workers", .gauge, "Processes that were heard of in the last minute.", figures.workers)
    }
}
