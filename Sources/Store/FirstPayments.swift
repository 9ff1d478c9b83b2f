import PostgreSQL

/// The payments of a list that no other run has read before, written while the list is read: at the end of the run
/// that is its largest piece of work, and while pages are under way it costs no time.
///
/// They are what Stripe said, whatever becomes of the run. No statement calls the list read before the run is complete
/// (`trueup.stripe_reading`), and the run's end compares all of them with what was staged.
public struct FirstPayments: Sendable {
    let run: Run
    let list: RunList

    public init(of list: RunList, run: Run) {
        self.list = list
        self.run = run
    }

    /// Whether no other run has written payments of the list.
    public func areFirst(on connection: Connection) async throws -> Bool {
        try await connection.query(
            """
            SELECT NOT EXISTS (SELECT FROM trueup.stripe_payment
                WHERE account = $1 AND object = $2 AND run_id <> $3) AS yes
            """, list.account, list.object.rawValue, run.id)[0]["yes"]
    }

    /// Writes those that were staged since the last time and are not written yet; nothing where another run writes
    /// payments of the list now.
    /// - Parameter block: what the last time gave; 0 at first.
    /// - Returns: the block of the staging table at which the next time begins.
    public func addStaged(from block: Int64, on connection: Connection) async throws -> Int64 {
        try await StripePayments.addStaged(list, of: run.id, from: block, on: connection)
    }
}
