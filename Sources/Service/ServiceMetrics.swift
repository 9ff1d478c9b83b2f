import Runner

/// The figures of the service in Prometheus' text format.
struct ServiceMetrics: Sendable {
    let counted: ServiceFigures.Snapshot
    /// `nil` where the database could not be read: then there is only `trueup_figures_readable 0` of it.
    let read: StoredFigures?

    var text: String {
        var text = MetricsText()
        text.family("trueup_figures_readable", .gauge, "Whether the figures of the database could be read.")
        text.sample([], read == nil ? 0 : 1)
        text.family("trueup_http_requests_total", .counter, "Requests by route, method and status.")
        for (key, count) in counted.requests.sorted(by: { $0.key < $1.key }) {
            text.sample([("route", key.route), ("method", key.method), ("status", String(key.status))], Double(count))
        }
        text.family("trueup_webhooks_total", .counter, "Webhooks by type and outcome.")
        for (key, count) in counted.webhooks.sorted(by: { $0.key < $1.key }) {
            text.sample([("type", key.type), ("outcome", key.outcome)], Double(count))
        }
        text.family("trueup_webhook_seconds", .histogram, "From a webhook's head to its answer.")
        text.histogram(
            bounds: ServiceFigures.Histogram.bounds, counts: counted.webhookSeconds.counts,
            sum: counted.webhookSeconds.sumSeconds)
        if let read { Self.add(read, to: &text) }
        return text.text
    }

    private static func add(_ read: StoredFigures, to text: inout MetricsText) {
        text.family("trueup_findings_open", .gauge, "Open findings by kind and account.")
        for open in read.findings { text.sample(labels(open), Double(open.count)) }
        text.family("trueup_findings_oldest_seconds", .gauge, "Age of the oldest open finding.")
        for open in read.findings { text.sample(labels(open), Double(open.oldestSeconds)) }
        text.family("trueup_outbox_messages", .gauge, "Messages that wait, and those that need a person.")
        text.sample([("state", "queued")], Double(read.outboxQueued))
        text.sample([("state", "unsettled")], Double(read.outboxUnsettled))
        text.family("trueup_webhooks_refused", .gauge, "Webhooks of the last days that only a person can settle.")
        text.sample([], Double(read.refusedCount))
        text.family(
            "trueup_order_invoices", .gauge,
            "Invoices of orders that Stripe has yet to mail, refuses to, or may have mailed.")
        text.sample([("state", "waiting")], Double(read.mails.waiting))
        text.sample([("state", "refused")], Double(read.mails.refused))
        text.sample([("state", "unknown")], Double(read.mails.unknown))
        if let age = read.lastWebhookAgeSeconds {
            text.family("trueup_webhook_last_age_seconds", .gauge, "Seconds since a new event came.")
            text.sample([], Double(age))
        }
    }

    private static func labels(_ open: StoredFigures.Open) -> [(String, String)] {
        [("kind", open.kind), ("account", open.account)]
    }
}
