import PostgreSQL
import Store
import Synchronization

/// The pages of a list write their payments, as long as no other run is in their way: what is not written then, the
/// run's end finds.
final class FirstPayments: Sendable {
    private let runID: Int64
    private let isAlone = Mutex(true)

    init(runID: Int64) { self.runID = runID }

    /// Payments to be filled by a page; `nil` where it writes none.
    var ofPage: PagePayments? { isAlone.withLock { $0 } ? PagePayments(runID: runID) : nil }

    /// Another run writes payments of the list.
    func giveUp() { isAlone.withLock { $0 = false } }
}
