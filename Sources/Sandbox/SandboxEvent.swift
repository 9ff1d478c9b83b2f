/// An event of a ``World``, for tests and the demo.
public struct SandboxEvent: Sendable, Hashable {
    /// Stripe's id.
    public var id: String
    /// For example `invoice.paid`.
    public var type: String
    /// When it happened, in Unix seconds.
    public var createdSeconds: Int64
    /// The id of the object that it is about.
    public var objectID: String
}

extension World {
    /// The events of the last 30 days whose webhook never arrived, newest first: what `delivery_success=false` lists.
    /// - Parameter types: those that are wanted; `nil` for all.
    public func undeliveredEvents(types: Set<String>? = nil) -> [SandboxEvent] {
        var filter = ListFilter()
        filter.limit = Int(Int32.max)
        // Without a cursor nothing is refused.
        let page = try? events(filter) { event in
            event.pendingWebhooks > 0 && types.map { $0.contains(event.type) } ?? true
        }
        return (page?.rows ?? []).map { record in
            SandboxEvent(
                id: renderer.space.text(record.kind, record.index, createdSeconds: record.event.createdSeconds),
                type: record.event.type, createdSeconds: record.event.createdSeconds,
                objectID: objectID(of: record.event.payload))
        }
    }

    private func objectID(of payload: RecordedEvent.Payload) -> String {
        let space = renderer.space
        return switch payload {
        case .invoice(_, let invoice):
            space.text(.invoice, invoice.index, createdSeconds: invoice.createdSeconds)
        case .intent(let intent): partRenderer.intentID(intent)
        case .customer(let customer): space.text(.customer, customer.index, createdSeconds: 0)
        case .item(let item): space.text(.invoiceItem, item.index, createdSeconds: item.createdSeconds)
        case .part(let part): partRenderer.id(part)
        }
    }
}
