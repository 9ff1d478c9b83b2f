import Store

extension StoredReports {
    /// The ways out that have not brought the report there by now: `email`, `slack`, `directory`, `s3`, each once. A
    /// message that waits in the outbox counts, as does a folder or a bucket that failed and was not tried again.
    public func unreached(of id: Int64) async throws -> [String] {
        let deliveries = try await deliveries(of: id)
        let messages = try await messages(keys: deliveries.compactMap { $0.messageKey(ofReport: id) })
        let unsent = Set(messages.filter { $0.state != .sent }.map(\.dedupeKey))
        var ways: [String] = []
        for (index, delivery) in deliveries.enumerated() where !ways.contains(delivery.destination) {
            let isOut =
                if let key = delivery.messageKey(ofReport: id) {
                    !unsent.contains(key)
                } else {
                    // The last word about a place counts.
                    delivery.outcome != .failed
                        || deliveries[(index + 1)...].contains {
                            $0.destination == delivery.destination && $0.address == delivery.address
                        }
                }
            if !isOut { ways.append(delivery.destination) }
        }
        return ways
    }
}
