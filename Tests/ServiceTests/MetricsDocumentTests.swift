import Foundation
import Runner
import Store
import Testing

/// What is measured and what the documents say of it.
@Suite("Metrics and their documents")
struct MetricsDocumentTests {
    /// What a text has.
    private struct Families {
        var names: Set<String> = []
        /// Of the families that have samples.
        var labels: [String: Set<String>] = [:]
    }

    /// The first cells of the tables in the documents.
    private static func documented() throws -> [String: Set<String>] {
        let docs = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("docs")
        var found: [String: Set<String>] = [:]
        for name in ["operations.md", "service.md"] {
            let text = try String(contentsOf: docs.appendingPathComponent(name), encoding: .utf8)
            for line in text.split(separator: "\n") where line.hasPrefix("| `trueup_") {
                let cell = line.dropFirst().prefix { $0 != "|" }
                for match in cell.matches(of: /`(trueup_[a-z_]+)(?:\{([a-z_,]+)\})?`/) {
                    let labels = Set((match.output.2 ?? "").split(separator: ",").map(String.init))
                    let before = found.updateValue(labels, forKey: String(match.output.1))
                    #expect(before == nil, "\(match.output.1) stands twice")
                }
            }
        }
        return found
    }

    private static func families(_ text: String) -> Families {
        var found = Families()
        var last = ""
        for line in text.split(separator: "\n") {
            if let type = line.firstMatch(of: /^# TYPE (trueup_[a-z_]+)/) {
                last = String(type.output.1)
                found.names.insert(last)
            } else if !line.hasPrefix("#") {
                // A bucket of a histogram has a label that every one has.
                let labels = line.matches(of: /([a-z_]+)="/).map { String($0.output.1) }.filter { $0 != "le" }
                found.labels[last, default: []].formUnion(labels)
            }
        }
        return found
    }

    @Test("every metric is in a document with its labels, and every one in a document is written; in both places alike")
    func documents() async throws {
        try await Counter.with { counter in
            let (_, _, event) = try await counter.paid()
            #expect(try await counter.deliver(event, account: "task_health").outcome == "done")
            try await counter.run(Self.rows)
            let service = try await counter.ask(.get, "/metrics").text
            let daemon =
                MetricsText(try await Figures.read(pool: counter.pool), meter: RequestMeter(), version: "1").text
                + MetricsText.jobFiles(areWrong: false)
            let (here, there) = (Self.families(service), Self.families(daemon))
            let documented = try Self.documented()
            #expect(here.names.union(there.names) == Set(documented.keys))
            for found in [here, there] {
                for (name, labels) in found.labels { #expect(labels == documented[name], "\(name)") }
            }
            let shared = here.names.intersection(there.names)
            #expect(shared.count > 10 && shared.contains("trueup_outbox_messages"), "\(shared)")
            for name in shared { #expect(here.labels[name] == there.labels[name], "\(name)") }
            // What the documents tell to alert on can be alerted on in both places.
            for text in [service, daemon] {
                for line in [
                    "trueup_outbox_messages{channel=\"email\",state=\"failed\"} 1",
                    "trueup_outbox_messages{channel=\"slack\",state=\"unknown\"} 1",
                    "trueup_findings{job=\"credit-invoices\",kind=\"amount_mismatch\",state=\"open\"} 2",
                    "trueup_findings{job=\"credit-invoices\",kind=\"overdue\",state=\"information\"} 3",
                    "trueup_findings_open{kind=\"amount_mismatch\",account=\"task_health\"} 2",
                ] { #expect(text.contains("\n\(line)\n"), "\(line)\n\(text)") }
                #expect(!text.contains("trueup_findings_open{kind=\"overdue\""))
            }
        }
    }

    private static let rows = """
        INSERT INTO trueup.run (job, trigger, is_plan, period_from_seconds, period_to_seconds, definition_hash,
            program_version, requested_by, host, process_id, state, ended_at)
        VALUES ('credit-invoices', 'manual', false, 0, 1, 'x', 'x', 'x', 'x', 1, 'drift', now() + interval '1 s');
        INSERT INTO trueup.finding (job, kind, account, stripe_id, action, explanation, facts, first_run_id,
            last_run_id)
        SELECT 'credit-invoices', kind, 'task_health', 'in_' || kind || g, action, 'x', '{}', r.id, r.id
        FROM (VALUES ('amount_mismatch', 'review', 2), ('overdue', 'inform', 3)) k (kind, action, n),
            generate_series(1, n) g, (SELECT max(id) AS id FROM trueup.run) r;
        INSERT INTO trueup.outbox (channel, dedupe_key, recipient, subject, body_text, message_id, state)
        VALUES ('email', 'a', 'x', 'x', 'x', 'a', 'failed'), ('slack', 'b', 'x', 'x', 'x', 'b', 'unknown');
        INSERT INTO trueup.job_state (job, definition_hash, schedule, last_nominal)
        VALUES ('credit-invoices', '', '', now())
        """
}
