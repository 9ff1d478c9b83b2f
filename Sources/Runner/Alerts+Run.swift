import Jobs
import PostgreSQL
import Reconciliation
import Store

// What is told of a run that has ended.
extension Alerts {
    /// A tenth of what is usual is suspicious, where the usual is enough to speak of.
    private static let fastShare = 0.1
    private static let usualSecondsMin = 10.0
    private static let usualObjectsMin = 100.0

    /// Puts the messages about a run's end into the outbox, in the transaction that ends it.
    ///
    /// A scheduled run that could not read everything is not told of here: it is tried again, and told of when that is
    /// given up (``OccurrenceAlerts``).
    func tell(_ run: Run, _ outcome: RunOutcome, isScheduled: Bool, on connection: Connection) async throws {
        guard !run.isPlan else { return }
        let fast = try await suspicion(run, outcome, on: connection)
        var events: [NotifyEvent] = []
        switch outcome.state {
        case .clean, .repaired: events.append(.success)
        case .drift: events.append(.drift)
        case .incomplete, .failed: if !isScheduled { events.append(.failure) }
        case .running, .interrupted: return
        }
        if fast != nil { events.append(.fast) }
        guard events.contains(where: wants) else { return }
        let text = Text(
            subject: subject(run, outcome, isFast: fast != nil), lines: lines(run, outcome, fast: fast))
        _ = try await enqueue(text, key: "run-\(run.id)", on: connection)
    }

    private func subject(_ run: Run, _ outcome: RunOutcome, isFast: Bool) -> String {
        let open = outcome.counts.values.map(\.open).reduce(0, +)
        let what =
            switch outcome.state {
            case .clean: "clean"
            case .repaired: "everything was repaired"
            case .drift:
                open > 0
                    ? "\(Money.counted(open, "difference")) \(open == 1 ? "remains" : "remain")" : "it needs a person"
            default: "INCOMPLETE, nothing was compared"
            }
        return "\(job): \(what)" + (isFast ? ", suspiciously fast" : "") + " (run \(run.id))"
    }

    private func lines(_ run: Run, _ outcome: RunOutcome, fast: String?) -> [String] {
        var lines = [
            "Run \(run.id) of \(job) ended: \(outcome.state.rawValue).",
            "Read: \(Money.counted(outcome.stripeObjects, "object")) at Stripe, "
                + "\(Money.counted(outcome.localRows, "local row")), \(Money.counted(outcome.requests, "request")).",
        ]
        if let fast { lines.append(fast) }
        lines += outcome.problems.map { "! " + $0 }
        let kinds = FindingKind.allCases.filter { outcome.counts[$0] != nil }
        if !kinds.isEmpty { lines.append("") }
        for kind in kinds {
            guard let count = outcome.counts[kind] else { continue }
            lines.append(
                "\(kind.rawValue): \(Money.grouped(count.found)) found, \(Money.grouped(count.repaired)) repaired, "
                    + "\(Money.grouped(count.open)) open"
                    + (count.information > 0 ? ", \(Money.grouped(count.information)) for information" : ""))
        }
        let isOpen = outcome.state == .drift && outcome.counts.values.contains { $0.open > 0 }
        let next = isOpen ? "trueup findings list --job \(job)" : "trueup runs \(run.id)"
        return lines + ["", "See: \(next)"]
    }

    /// Why a complete run is to be looked at although nothing went wrong: it took less than a tenth of the median of
    /// the last seven runs where that is more than 10 seconds, or read less than a tenth of their objects where they
    /// read more than 100. With fewer than three such runs nothing is usual yet.
    private func suspicion(_ run: Run, _ outcome: RunOutcome, on connection: Connection) async throws -> String? {
        guard [.clean, .repaired, .drift].contains(outcome.state), ["manual", "schedule"].contains(run.trigger),
            let usual = try await UsualRun.before(run, on: connection)
        else { return nil }
        let objects = Double(outcome.stripeObjects)
        if usual.objects > Self.usualObjectsMin, objects < usual.objects * Self.fastShare {
            return "It read \(Money.counted(outcome.stripeObjects, "object")); the last \(usual.runs) runs read "
                + "\(Money.grouped(Int64(usual.objects))) (median). Were the key, the account or the look-back changed?"
        }
        guard run.attempt == 1, usual.seconds > Self.usualSecondsMin else { return nil }
        let seconds = try await UsualRun.seconds(of: run, on: connection)
        guard seconds < usual.seconds * Self.fastShare else { return nil }
        return "It took \(Self.rounded(seconds)) s; the last \(usual.runs) runs took \(Self.rounded(usual.seconds)) s "
            + "(median)."
    }

    private static func rounded(_ seconds: Double) -> String { "\((seconds * 10).rounded() / 10)" }
}

extension JobRun {
    /// What belongs into the transaction that ends the run.
    func telling(_ run: Run, _ outcome: RunOutcome) -> (@Sendable (Connection) async throws -> Void)? {
        guard let alerts else { return nil }
        let isScheduled = origin.trigger == .schedule
        return { connection in
            try await alerts.tell(run, outcome, isScheduled: isScheduled, on: connection)
        }
    }
}
