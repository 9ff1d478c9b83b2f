import PostgreSQL

/// The payments of a list that no other run has read before, written while the list is read: at the end of the run
/// that is its largest piece of work, and while pages are under way it costs no time.
///
/// They are what Stripe said, whatever becomes of the run. No statement calls the list read before the run is complete
/// (`trueup.stripe_reading`), and the run's end counts them: where they are not as many as the paid objects that were
/// staged, or another run wrote some, it compares all of them.
public struct FirstPayments: Sendable {
    let run: Run
    let list: RunList

    public init(of list: RunList, run: Run) {
        self.list = list
        self.run = run
    }

    /// Whether no other run has written payments of the list.
    public func areFirst(on connection: Connection) async throws -> Bool {
        try await StripePayments.areFirst(list, of: run.id, on: connection)
    }

    /// Writes those that were staged since the last time and are not written yet; nothing where another run writes
    /// payments of the list now.
    /// - Parameter block: what the last time gave; 0 at first.
    /// - Returns: the block of the staging table at which the next time begins.
    public func addStaged(from block: Int64, on connection: Connection) async throws -> Int64 {
        try await StripePayments.addStaged(list, of: run.id, from: block, on: connection) ?? block
    }

    /// Writes what is left, once everything is staged; nothing where another run writes payments of the list now.
    /// - Parameter block: as of ``addStaged(from:on:)``.
    public func addRest(from block: Int64, on connection: Connection) async throws {
        let next = try await StripePayments.addStaged(list, of: run.id, from: block, on: connection)
        if next != nil { try await StripePayments.addPassedOver(list, of: run.id, on: connection) }
    }
}
