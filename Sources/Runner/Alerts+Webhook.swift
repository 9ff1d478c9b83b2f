import Jobs
import PostgreSQL
import Store

extension Alerts {
    /// Tells of a webhook that only a person can settle, to those who hear of the job's differences (`drift`): once for
    /// each object and type, in the transaction that writes it down.
    /// - Parameter reason: a sentence without secrets.
    public func tellRefused(_ event: WebhookEvent, reason: String, on connection: Connection) async throws {
        guard wants(.drift) else { return }
        let text = Text(
            subject: "\(job): a webhook needs a person",
            lines: [
                "\(event.type) of \(event.objectID), account \(event.account), was not applied:", "", reason, "",
                "Stripe tries it again for three days. Once the row is right it is applied by itself, by the webhook "
                    + "or by the next run of \(job), which files it with the findings meanwhile.",
                "See: trueup findings list --job \(job)",
            ])
        _ = try await enqueue(
            text, key: "webhook/\(event.account)/\(event.objectID)/\(event.type)", on: connection)
    }
}
