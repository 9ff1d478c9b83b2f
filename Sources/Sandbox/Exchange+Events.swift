extension Exchange {
    func listEvents() throws(SandboxError) -> Answer {
        try parameters.allow([
            "created", "delivery_success", "ending_before", "expand", "limit", "starting_after", "type", "types",
        ])
        try refuseExpansion()
        let filter = try parameters.listFilter()
        let delivered = try parameters.boolean("delivery_success")
        let types = try eventTypes()
        let page = try world.events(filter) { event in
            (delivered == nil || (event.pendingWebhooks == 0) == delivered) && types.matches(event.type)
        }
        let renderer = world.eventRenderer
        let view = world.view
        return Answer(
            list: page, url: "/v1/events",
            ids: listedIDs(page) {
                world.renderer.space.text($0.kind, $0.index, createdSeconds: $0.event.createdSeconds)
            },
            bound: { renderer.sizeBound($0, customer: customer($0, view)) },
            write: { renderer.write($0, customer: customer($0, view), depth: 2, to: &$1) })
    }

    func retrieveEvent() throws(SandboxError) -> Answer {
        try parameters.allow(["expand"])
        try refuseExpansion()
        let view = world.view
        guard let event = view.event(id: id).map(world.withDeliveries) else {
            throw .noSuch("event", id, param: "id")
        }
        let renderer = world.eventRenderer
        return Answer(bound: renderer.sizeBound(event, customer: customer(event, view))) { pen in
            renderer.write(event, customer: customer(event, view), depth: 0, to: &pen)
        }
    }

    private func customer(_ event: EventRecord, _ view: WorldView) -> CustomerRecord? {
        guard case .invoice(_, let invoice) = event.event.payload else { return nil }
        return view.customer(invoice.customer)
    }

    private struct Types {
        var words: [String]

        /// `invoice.*` stands for all of them.
        func matches(_ type: String) -> Bool {
            words.isEmpty
                || words.contains { $0 == type || ($0.hasSuffix(".*") && type.hasPrefix($0.dropLast())) }
        }
    }

    private func eventTypes() throws(SandboxError) -> Types {
        let types = parameters.list("types")
        let type = parameters.value("type").flatMap { $0.isEmpty ? nil : $0 }
        guard type == nil || types.isEmpty else {
            throw SandboxError(400, "You may only specify one of these parameters: type, types.", param: "type")
        }
        guard types.count <= 20 else {
            throw SandboxError(400, "You may specify at most 20 event types.", param: "types")
        }
        return Types(words: type.map { [$0] } ?? types)
    }
}

// Who hears of them.
extension Exchange {
    /// The endpoints that were subscribed, all on one page: Stripe allows 16.
    func listWebhookEndpoints() throws(SandboxError) -> Answer {
        try parameters.allow(["ending_before", "expand", "limit", "starting_after"])
        try refuseExpansion()
        let rows = world.webhooks.endpoints.enumerated().map { index, webhook in
            JSON.object([
                ("id", .string("we_sandbox\(index + 1)")), ("object", .string("webhook_endpoint")),
                ("api_version", .optional(webhook.apiVersion?.rawValue)), ("application", .null),
                ("created", .integer(world.clock.nowSeconds)), ("description", .null),
                ("enabled_events", .array(webhook.events.map { .string($0) })),
                ("livemode", .boolean(world.account.livemode)), ("metadata", .object([])),
                ("status", .string("enabled")), ("url", .string(webhook.url)),
            ])
        }
        return Answer(
            list: ListPage(rows: rows, hasMore: false, total: parameters.countsAll ? rows.count : nil),
            url: "/v1/webhook_endpoints", ids: [],
            bound: { $0.sizeBound(depth: 2) }, write: { $0.write(depth: 2, to: &$1) })
    }
}
