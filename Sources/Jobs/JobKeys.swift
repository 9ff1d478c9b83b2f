import Reconciliation

/// The keys of a job file, by its kind.
package enum JobKeys {
    package static let kinds = ["reconcile", "expire", "replay", "report"]

    /// Every key that a file of the kind may have.
    package static func table(kind: String) -> KeyTable {
        tables[kind] ?? KeyTable(head + common)
    }

    private static let tables = [
        "reconcile": KeyTable(head + reconcile + common), "expire": KeyTable(head + expire + common),
        "replay": KeyTable(head + replay + common), "report": KeyTable(head + report + common),
    ]

    /// Only the `kind`, to find out which table holds.
    static let kind = Key("kind", .word(kinds), "What the job does.", required: true)

    private static let head = [
        Key("description", .text(.sentence), "One sentence for people.", fallback: ""),
        kind,
    ]

    private static let account = [
        Key("account", .text(.accountName), "The account of settings.yaml that the job reads; or accounts."),
        Key(
            "accounts", .list(.text(.accountName), 1...64),
            "The accounts of settings.yaml that the job reads; or account."),
    ]

    private static let day: Int64 = 86_400
    private static let upTo10Years: ClosedRange<Int64> = 1...3660 * 86_400

    private static let settle = Key(
        "settle", .duration(0...86_400),
        "A run leaves the last moments alone, for webhooks that are still on their way.", fallback: "5m")

    private static let limitsKey = Key(
        "limits", .mapping(limits), "Over either, nothing is applied: the plan waits for approval.")

    private static let staleAfter = Key(
        "stale_after", .duration(3600...3660 * 86_400),
        "Drafts and never-confirmed intents older than this are stale.", fallback: "7d")

    static let limits = KeyTable([
        Key("max_repairs", .integer(0...1_000_000), "Repairs in one run.", fallback: "500"),
        Key(
            "max_repair_share", .number(0...1), "Repairs as a share of the objects compared.", fallback: "0.05"),
        Key(
            "share_floor", .integer(0...1_000_000),
            "So many repairs are within max_repair_share, however few objects there are, unless they are most of them.",
            fallback: "5"),
    ])

    private static let reconcile =
        account + [
            Key(
                "object", .word(StripeObject.allCases.map(\.rawValue)), "What is compared.", required: true),
            Key("look_back", .duration(upTo10Years), "How far back in created a run lists.", fallback: "35d"),
            settle,
            Key("table", .mapping(table), "The table on the local side.", required: true),
            Key("on", .mapping(actions), "What is done with findings, per kind."),
            staleAfter,
            limitsKey,
        ]

    static let table = KeyTable([
        Key("name", .text(.identifier), "The table's name.", required: true),
        Key("schema", .text(.identifier), "Its schema.", fallback: "public"),
        Key("columns", .mapping(columns), "Which column plays which role.", required: true),
    ])

    static let columns = KeyTable(
        ColumnRole.allCases.map { role in
            Key(role.rawValue, .text(.identifier), role.doc, fallback: role == .key ? "id" : nil)
        })

    static let actions = KeyTable(
        FindingKind.allCases.map { kind in
            Key(
                kind.rawValue,
                .word(
                    kind.allowedActions.map(\.rawValue),
                    note: kind.allowedActions.contains(.apply) ? nil : "no repair of it is safe without a person"),
                "Without it: \(kind.defaultAction.rawValue).")
        })

    private static let expire =
        account + [
            Key(
                "objects", .list(.word(StripeObject.allCases.map(\.rawValue)), 1...2), "What expires.",
                fallback: "[invoice, payment_intent]"),
            staleAfter,
            Key("look_back", .duration(upTo10Years), "How far back in created a run lists. Without it: everything."),
            limitsKey,
        ]

    /// The event types that have an effect (https://docs.stripe.com/api/events/types).
    package static let eventTypes = [
        "invoice.finalized", "invoice.paid", "invoice.payment_succeeded", "invoice.voided",
        "invoice.marked_uncollectible", "invoice.deleted", "payment_intent.succeeded",
        "payment_intent.payment_failed", "payment_intent.canceled", "charge.refunded", "charge.dispute.created",
        "charge.dispute.closed", "credit_note.created", "credit_note.voided",
    ]

    private static let replay =
        account + [
            Key(
                "events", .list(.word(eventTypes), 1...20), "The event types that are replayed.", required: true),
            Key(
                "look_back", .duration(3600...30 * day),
                "How far back events are listed; Stripe keeps them for 30 days.", fallback: "30d"),
            settle,
            limitsKey,
        ]

    private static let report = [
        Key("report", .word(ReportName.allCases.map(\.rawValue)), "Which report.", required: true),
        Key(
            "accounts", .list(.text(.accountName), 1...64),
            "The accounts it covers. Without it: those of the jobs in after, else all."),
        Key("cut_off", .mapping(cutOff), "Everything before the last such moment belongs to the report."),
        Key(
            "history_from", .text(.date),
            "The day from which on Stripe counts, at midnight of the cut-off's zone, for who began with another "
                + "system. Without it: from the beginning of Stripe."),
        Key(
            "formats", .list(.word(ReportFormat.allCases.map(\.rawValue)), 1...4), "What is written.",
            fallback: "[html, xlsx, csv, json]"),
        Key("deliver", .mapping(deliver), "Where the report goes."),
        Key("tolerance", .mapping(tolerance), "Differences that are listed as small; none is hidden."),
    ]

    static let cutOff = KeyTable([
        Key("at", .text(.timeOfDay), "A time of day.", fallback: "00:00"),
        Key("time_zone", .text(.timeZone), "An IANA name. Without it: the job's time_zone."),
    ])

    static let deliver = KeyTable([
        Key("email", .list(.text(.emailAddress), 1...100), "Mail addresses."),
        Key("slack", .boolean, "Whether Slack gets the summary.", fallback: "false"),
        Key("directory", .boolean, "Whether the files go to the delivery directory.", fallback: "false"),
        Key("s3", .boolean, "Whether the files go to the bucket.", fallback: "false"),
        Key(
            "when", .word(DeliverWhen.allCases.map(\.rawValue)),
            "changed: the full report on any change, else one line as proof that it ran.", fallback: "changed"),
    ])

    static let tolerance = KeyTable([
        Key("credits", .integer(0...1_000_000_000), "Credits, as an absolute number.", fallback: "0")
    ])

    private static let common = [
        Key("schedule", .text(.schedule), "A cron expression. Without it: by hand, or by after."),
        Key("time_zone", .text(.timeZone), "The zone that schedule is read in.", fallback: "UTC"),
        Key(
            "on_overlap", .word(OverlapRule.allCases.map(\.rawValue)),
            "When an occurrence is due while the last one still runs.", fallback: "skip"),
        Key(
            "catch_up", .either([.word(["none", "latest"]), .mapping(catchUpAll)]),
            "Which missed occurrences run after a standstill.", fallback: "latest"),
        Key(
            "start_deadline", .duration(1...366 * day),
            "An occurrence that could not start this long after its time does not run.", fallback: "6h"),
        Key(
            "timeout", .duration(1...7 * day),
            "A run of the schedule or of trueup run is stopped after this long, and the next one goes on.",
            fallback: "2h"),
        Key("jitter", .duration(0...day), "Starts are spread over this span.", fallback: "0s"),
        Key("retry", .mapping(retry), "What happens after a run that failed."),
        Key("notify", .mapping(notify), "Who hears of what."),
        Key(
            "after", .list(.text(.jobName), 1...100),
            "The jobs whose runs of the same night must have ended before this one starts."),
    ]

    static let catchUpAll = KeyTable([
        Key("all", .integer(1...1000), "Every missed one, but only the last so many.", required: true)
    ])

    static let retry = KeyTable([
        Key("attempts", .integer(1...100), "Attempts in all, the first included.", fallback: "3"),
        Key("backoff", .duration(0...86_400), "The pause before the second attempt; it doubles.", fallback: "5m"),
    ])

    static let notify = KeyTable([
        Key(
            "on", .list(.word(NotifyEvent.allCases.map(\.rawValue)), 1...5), "What is told.",
            fallback: "[failure, drift, missed]"),
        Key("email", .list(.text(.emailAddress), 1...100), "Mail addresses."),
        Key("slack", .boolean, "Whether Slack hears of it.", fallback: "false"),
        Key(
            "ping_url_env", .text(.environmentName),
            "The environment variable with a healthchecks-style URL, pinged at start, success and failure."),
    ])
}

extension ColumnRole {
    /// For the schema and the errors.
    package var doc: String {
        switch self {
        case .key: "The table's primary key, bigint."
        case .id: "Stripe's id (in_…, pi_…); null until the object exists there."
        case .amount: "Minor units, bigint."
        case .currency: "ISO 4217, in any case."
        case .paid: "boolean: the invoice is known to be paid."
        case .paidAt: "When Stripe says it was paid."
        case .cancelledAt: "When the row was cancelled; null while it is not."
        case .createdAt: "When the row was made; needed for unlinked_order."
        case .credits: "The credits that the order buys."
        case .agencyID: "The agency that the row belongs to."
        case .status: "pending, succeeded, failed or canceled."
        case .succeededAt: "When the charge succeeded."
        case .account: "The name of the Stripe account: the rows are notices of finalized invoices."
        case .sentAt: "When the notice was sent: the rows are notices of finalized invoices."
        case .customer: "Stripe's customer (cus_…): the rows are customers, who explain payment intents."
        }
    }
}
