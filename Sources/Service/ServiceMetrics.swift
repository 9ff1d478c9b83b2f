/// The figures of the service in Prometheus' text format
/// (https://prometheus.io/docs/instrumenting/exposition_formats/).
struct ServiceMetrics: Sendable {
    let counted: ServiceFigures.Snapshot
    /// `nil` where the database could not be read: then there is only `trueup_figures_readable 0` of it.
    let read: StoredFigures?

    var text: String {
        var lines: [String] = []
        family("trueup_figures_readable", "gauge", "Whether the figures of the database could be read.", &lines)
        lines.append("trueup_figures_readable \(read == nil ? 0 : 1)")
        family("trueup_http_requests_total", "counter", "Requests by route, method and status.", &lines)
        for (key, count) in counted.requests.sorted(by: { $0.key < $1.key }) {
            let labels = [("route", key.route), ("method", key.method), ("status", String(key.status))]
            lines.append("trueup_http_requests_total\(Self.labels(labels)) \(count)")
        }
        family("trueup_webhooks_total", "counter", "Webhooks by type and outcome.", &lines)
        for (key, count) in counted.webhooks.sorted(by: { $0.key < $1.key }) {
            let labels = [("type", key.type), ("outcome", key.outcome)]
            lines.append("trueup_webhooks_total\(Self.labels(labels)) \(count)")
        }
        histogram("trueup_webhook_seconds", "From a webhook's head to its answer.", counted.webhookSeconds, &lines)
        if let read { stored(read, &lines) }
        return lines.joined(separator: "\n") + "\n"
    }

    private func stored(_ read: StoredFigures, _ lines: inout [String]) {
        family("trueup_findings_open", "gauge", "Open findings by kind and account.", &lines)
        for open in read.findings {
            let labels = [("kind", open.kind), ("account", open.account)]
            lines.append("trueup_findings_open\(Self.labels(labels)) \(open.count)")
        }
        family("trueup_findings_oldest_seconds", "gauge", "Age of the oldest open finding.", &lines)
        for open in read.findings {
            let labels = [("kind", open.kind), ("account", open.account)]
            lines.append("trueup_findings_oldest_seconds\(Self.labels(labels)) \(open.oldestSeconds)")
        }
        family("trueup_outbox_messages", "gauge", "Messages that wait, and those that need a person.", &lines)
        lines.append("trueup_outbox_messages{state=\"queued\"} \(read.outboxQueued)")
        lines.append("trueup_outbox_messages{state=\"unsettled\"} \(read.outboxUnsettled)")
        if let age = read.lastWebhookAgeSeconds {
            family("trueup_webhook_last_age_seconds", "gauge", "Seconds since a new event came.", &lines)
            lines.append("trueup_webhook_last_age_seconds \(age)")
        }
    }

    private func histogram(
        _ name: String, _ help: String, _ histogram: ServiceFigures.Histogram, _ lines: inout [String]
    ) {
        family(name, "histogram", help, &lines)
        var total: Int64 = 0
        for (bound, count) in zip(ServiceFigures.Histogram.bounds, histogram.counts) {
            total += count
            lines.append("\(name)_bucket{le=\"\(bound)\"} \(total)")
        }
        total += histogram.counts.last ?? 0
        lines.append("\(name)_bucket{le=\"+Inf\"} \(total)")
        lines.append("\(name)_sum \(histogram.sumSeconds)")
        lines.append("\(name)_count \(total)")
    }

    private func family(_ name: String, _ type: String, _ help: String, _ lines: inout [String]) {
        lines.append("# HELP \(name) \(help)")
        lines.append("# TYPE \(name) \(type)")
    }

    private static func labels(_ pairs: [(String, String)]) -> String {
        let items = pairs.map { name, value in
            let plain = value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
            return "\(name)=\"\(plain)\""
        }
        return "{" + items.joined(separator: ",") + "}"
    }
}
