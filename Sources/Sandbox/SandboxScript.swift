import Synchronization

/// Changes that happen while somebody reads a list: “when the n-th page of this list of this account has been served,
/// then …”. The pages are counted in the order of arrival, those that a fault swallowed included.
///
/// ```swift
/// SandboxScript(account: "task_health", list: "/v1/invoices", page: 2, [.erase(.cursor), .pay(.ahead(.open))])
/// ```
public struct SandboxScript: Sendable {
    /// Which object a change is about.
    public enum Target: Sendable {
        /// The last object of the page: what the next request gives as `starting_after`.
        case cursor
        /// The first object of the page.
        case first
        /// The object at this place of the page, from 0.
        case row(Int)
        /// The nearest older invoice with this status, which the reader has not seen yet.
        case ahead(SandboxInvoiceStatus)
        /// The nearest newer invoice with this status, which a reader of the whole list has seen already.
        case behind(SandboxInvoiceStatus)
        /// This one.
        case id(String)
    }

    /// What happens.
    public enum Action: Sendable {
        /// Pays an invoice.
        case pay(Target)
        /// Voids an open invoice.
        case void(Target)
        /// Finalizes a draft.
        case finalize(Target)
        /// Deletes a draft.
        case delete(Target)
        /// Makes an invoice or a payment intent vanish without a trace, whatever its state.
        case erase(Target)
        /// Adds a draft.
        case insert(SandboxInvoiceDraft)
        /// The money of a payment intent arrives.
        case succeed(Target)
        /// Cancels a payment intent.
        case cancel(Target)
        /// Moves the clock.
        case advanceClock(seconds: Int64)
        /// Anything else; the ids are those of the page.
        case run(@Sendable (World, [String]) throws -> Void)
    }

    /// One action that was carried out, or was refused.
    public struct Done: Sendable, Equatable {
        /// The name of the account.
        public var account: String
        /// The path of the list.
        public var list: String
        /// The number of the page, from 1.
        public var page: Int
        /// The object it was about.
        public var id: String?
        /// Why nothing happened; `nil` where something did.
        public var refusal: String?
    }

    /// The name of the account.
    public var account: String
    /// The path of the list, such as `/v1/invoices`.
    public var list: String
    /// The number of the page, from 1.
    public var page: Int
    /// What the query has to contain to be counted; empty for any.
    public var queryContains: String
    /// What happens then, in this order.
    public var actions: [Action]

    /// All members, with defaults where there is a usual value.
    public init(account: String, list: String, page: Int, queryContains: String = "", _ actions: [Action]) {
        self.account = account
        self.list = list
        self.page = page
        self.queryContains = queryContains
        self.actions = actions
    }
}

/// The scripts of one account, and how far each has come.
final class ScriptBook: Sendable {
    private struct State {
        var seen: [Int]
        var done: [SandboxScript.Done] = []
    }

    private let scripts: [SandboxScript]
    private let state: Mutex<State>

    init(_ scripts: [SandboxScript]) {
        self.scripts = scripts
        state = Mutex(State(seen: Array(repeating: 0, count: scripts.count)))
    }

    var isEmpty: Bool { scripts.isEmpty }

    /// What was done so far.
    var done: [SandboxScript.Done] { state.withLock { $0.done } }

    /// A page has been served: carries out what waits for it.
    func served(_ uri: String, _ ids: [String], _ world: World) {
        let parts = uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let query = parts.count > 1 ? parts[1] : ""
        let due = state.withLock { state -> [SandboxScript] in
            scripts.indices.compactMap { number -> SandboxScript? in
                let script = scripts[number]
                guard script.list == parts[0],
                    script.queryContains.isEmpty || query.firstRange(of: script.queryContains) != nil
                else { return nil }
                state.seen[number] += 1
                return state.seen[number] == script.page ? script : nil
            }
        }
        for script in due {
            for action in script.actions {
                let (id, refusal) = action.carryOut(ids, world)
                let done = SandboxScript.Done(
                    account: script.account, list: script.list, page: script.page, id: id, refusal: refusal)
                state.withLock { $0.done.append(done) }
            }
        }
    }
}

extension SandboxScript.Action {
    /// The id it was about, and why it was refused.
    fileprivate func carryOut(_ ids: [String], _ world: World) -> (String?, String?) {
        let target: SandboxScript.Target? =
            switch self {
            case .pay(let target), .void(let target), .finalize(let target), .delete(let target), .erase(let target),
                .succeed(let target), .cancel(let target):
                target
            case .insert, .advanceClock, .run: nil
            }
        let id = target.flatMap { world.id(of: $0, on: ids) }
        if target != nil, id == nil { return (nil, "there is no such object") }
        do {
            return (try carryOut(id ?? "", ids, world) ?? id, nil)
        } catch {
            return (id, "\(error)")
        }
    }

    /// The id of what it made.
    private func carryOut(_ id: String, _ ids: [String], _ world: World) throws -> String? {
        switch self {
        case .pay: try world.pay(id)
        case .void: try world.void(id)
        case .finalize: try world.finalize(id)
        case .delete: try world.deleteDraft(id)
        case .erase: try world.erase(id)
        case .insert(let draft): return try world.insert(draft)
        case .succeed: try world.succeed(paymentIntent: id)
        case .cancel: try world.cancel(paymentIntent: id)
        case .advanceClock(let seconds): world.clock.advance(bySeconds: seconds)
        case .run(let body): try body(world, ids)
        }
        return nil
    }
}

extension World {
    fileprivate func id(of target: SandboxScript.Target, on ids: [String]) -> String? {
        switch target {
        case .cursor: return ids.last
        case .first: return ids.first
        case .row(let place): return ids.indices.contains(place) ? ids[place] : nil
        case .id(let id): return id
        case .ahead(let status):
            return neighbour(ListFilter(limit: 1, startingAfter: ids.last), status)
        case .behind(let status):
            return neighbour(ListFilter(limit: 1, endingBefore: ids.first), status)
        }
    }

    private func neighbour(_ filter: ListFilter, _ status: SandboxInvoiceStatus) -> String? {
        guard filter.startingAfter != nil || filter.endingBefore != nil,
            let found = try? view.invoices(filter, where: { $0.status == status }).rows.first
        else { return nil }
        return renderer.space.text(.invoice, found.index, createdSeconds: found.createdSeconds)
    }
}
