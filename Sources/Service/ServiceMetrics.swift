import Logging
import PostgreSQL
import Runner
import Store

/// The figures of the service in Prometheus' text format: those of the database, as every process tells them, and
/// those of webhooks and orders.
struct ServiceMetrics: Sendable {
    /// What was read of the database.
    struct Read: Sendable {
        let figures: Figures
        let stored: StoredFigures
    }

    let counted: ServiceFigures.Snapshot
    /// `nil` where the database could not be read: then there is only `trueup_figures_readable 0` of it.
    let read: Read?

    /// - Returns: nil where the database cannot be read, which the log says.
    static func read(_ pool: Pool, logger: Logger) async -> Read? {
        do {
            return Read(figures: try await Figures.read(pool: pool), stored: try await StoredFigures.read(pool))
        } catch {
            let reason = (error as? PostgresError)?.brief ?? "\(error)"
            logger.error("figures cannot be read", metadata: ["trueup.error": .string(reason)])
            return nil
        }
    }

    var text: String {
        var text = MetricsText()
        text.stored(read?.figures)
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
        if let read { Self.add(read.stored, to: &text) }
        return text.text
    }

    private static func add(_ read: StoredFigures, to text: inout MetricsText) {
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
}
