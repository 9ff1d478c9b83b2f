import Reconciliation
import Schedule
import Yams

/// Checked keys to a ``JobDefinition``. What depends on other keys or other files is checked here.
struct JobReader {
    let source: SourceText
    let name: String
    /// `nil` when the settings cannot be read: what depends on them is not checked then.
    let settings: Settings?
    /// Every job of the directory, also those with errors.
    let jobNames: JobNames
    let zones: ZoneCache

    /// What a job is, and where its keys stand (for the checks over all jobs).
    struct Result: Sendable {
        let definition: JobDefinition
        let afterPlaces: [(name: String, place: SourceText.Place?)]
        /// Of the name of the table that a job compares.
        let tablePlace: SourceText.Place?
    }

    /// The job, or `nil` after reporting why there is none. The result means nothing when errors were reported.
    func job() -> Result? {
        guard let root = Document.root(source, first: Self.kindExpected), let word = kind(root) else { return nil }
        let fields = Checker(source).fields(root, JobKeys.table(kind: word))
        let timeZone = fields.text("time_zone") ?? "UTC"
        let zone = zones.zone(timeZone, at: fields.place(of: "time_zone"), source) ?? .utc
        let kind: Kind
        switch word {
        case "reconcile": kind = .reconcile(reconcile(fields))
        case "expire": kind = .expire(expire(fields))
        case "replay": kind = .replay(replay(fields))
        default: kind = .report(report(fields, timeZone: timeZone))
        }
        let definition = JobDefinition(
            name: name, path: source.file, hash: SHA256.hex(source.bytes),
            description: fields.text("description") ?? "",
            kind: kind, schedule: fields.text("schedule"), expression: expression(fields), timeZone: timeZone,
            zone: zone, onOverlap: fields.text("on_overlap").flatMap(OverlapRule.init) ?? .skip,
            catchUp: catchUp(fields), startDeadlineSeconds: fields.seconds("start_deadline") ?? 0,
            timeoutSeconds: fields.seconds("timeout") ?? 0, jitterSeconds: fields.seconds("jitter") ?? 0,
            retry: retry(fields.mapping("retry")), notify: notify(fields), after: fields.texts("after"))
        return Result(
            definition: definition, afterPlaces: after(fields),
            tablePlace: word == "reconcile" ? fields.mapping("table").place(of: "name") : nil)
    }

    /// What a file without a kind lacks.
    private static let kindExpected = "kind: \(JobKeys.kind.shape.expectation)"

    /// The word of `kind`, read before the rest, because it says which keys there are.
    private func kind(_ root: Node) -> String? {
        guard case .mapping(let mapping) = root else { return nil }
        // Of two the later one counts, as of every key.
        if let (key, value) = Array(mapping).last(where: { $0.key.scalar?.string == "kind" }) {
            // A misspelled kind is reported with the other keys, which are judged by the kind that was meant.
            if let text = value.scalar?.string, !JobKeys.kinds.contains(text),
                let meant = nearestWord(to: text, among: JobKeys.kinds)
            {
                return meant
            }
            let field = Checker(source).field(value, JobKeys.kind.shape, key: "kind", keyPlace: key.place)
            if case .text(let word)? = field?.value { return word }
            return nil
        }
        source.report(
            "the key \"kind\" is missing", at: root.place, expected: Self.kindExpected,
            suggestion: misspelledKind(mapping))
        return nil
    }

    private func misspelledKind(_ mapping: Node.Mapping) -> String? {
        let near = mapping.contains { pair in
            pair.key.scalar.map {
                JobKeys.table(kind: "reconcile")[$0.string] == nil && nearestWord(to: $0.string, among: ["kind"]) != nil
            } ?? false
        }
        return near ? "kind" : nil
    }

    private func expression(_ fields: Fields) -> CronExpression? {
        guard case .text(let text)? = fields.field("schedule")?.value else { return nil }
        do {
            let expression = try CronExpression(text)
            if let warning = expression.warning {
                source.warn("\"schedule\": \(warning)", at: fields.place(of: "schedule"))
            }
            return expression
        } catch {
            source.report(
                "\"schedule\": \(error.description)", at: source.inside(fields.place(of: "schedule"), error.offset),
                found: text)
            return nil
        }
    }

    private func catchUp(_ fields: Fields) -> CatchUp {
        switch fields.field("catch_up")?.value {
        case .text("none"): .none
        case .mapping(let all): .all(Int(all.integer("all") ?? 1))
        default: .latest
        }
    }

    private func retry(_ fields: Fields) -> RetryRule {
        RetryRule(
            attempts: Int(fields.integer("attempts") ?? 1), backoffSeconds: fields.seconds("backoff") ?? 0)
    }

    private func notify(_ fields: Fields) -> NotifyRule {
        guard fields.has("notify") else { return NotifyRule() }
        let inner = fields.mapping("notify")
        let rule = NotifyRule(
            on: inner.texts("on").compactMap(NotifyEvent.init), email: inner.texts("email"),
            slack: inner.boolean("slack") ?? false, pingURLEnv: inner.text("ping_url_env"))
        requireDelivery(email: !rule.email.isEmpty, slack: rule.slack, inner)
        return rule
    }

    /// A way out that the settings do not have is found now, not when the first mail fails.
    func requireDelivery(email: Bool, slack: Bool, directory: Bool = false, s3: Bool = false, _ fields: Fields) {
        guard let delivery = settings?.delivery else { return }
        let missing = [
            ("email", email && delivery.email == nil), ("slack", slack && delivery.slack == nil),
            ("directory", directory && delivery.directory == nil), ("s3", s3 && delivery.s3 == nil),
        ]
        for (way, isMissing) in missing where isMissing {
            source.report(
                "\"\(way)\" is asked for, and settings.yaml has no delivery.\(way)", at: fields.keyPlaces[way],
                expected: "delivery: {\(way): …} in settings.yaml")
        }
    }

    /// The names under `after`, each of which must be another job.
    private func after(_ fields: Fields) -> [(name: String, place: SourceText.Place?)] {
        let names = fields.textFields("after")
        for (other, place) in names {
            if other == name {
                source.report("\"after\" names the job itself", at: place)
            } else if !jobNames.contains(other) {
                let others = jobNames.list.filter { $0 != name }
                source.report(
                    "\"after\" names \(quoted(other)), and there is no such job", at: place, found: other,
                    expected: others.isEmpty
                        ? "no \"after\": there is no other job"
                        : others.count < 30 ? "one of " + others.joined(separator: ", ") : "a job of this directory",
                    suggestion: nearestWord(to: other, among: others))
            }
        }
        return names.map { (name: $0.text, place: $0.place) }
    }
}
