extension Exchange {
    func listInvoices() throws(SandboxError) -> Answer {
        try parameters.allow([
            "collection_method", "created", "customer", "due_date", "ending_before", "expand", "limit",
            "starting_after", "status", "subscription",
        ])
        let wantsPayments = try wantsPayments("data.payments")
        let filter = try parameters.listFilter()
        let view = world.view
        let status = try statusFilter()
        let sends = try collectionFilter()
        let customer = parameters.value("customer")
        let subscription = parameters.value("subscription")
        let customerIndex = customer.map { world.renderer.space.index(of: $0, kind: .customer) ?? -2 }
        let subscriptionIndex = subscription.map { world.renderer.space.index(of: $0, kind: .subscription) ?? -2 }
        let due = try parameters.window("due_date")
        let page = try view.invoices(filter) { record in
            (due == nil || record.dueSeconds.map { due?.contains($0) == true } == true)
                && (status == nil || record.status == status) && (sends == nil || record.sendsInvoice == sends)
                && (customerIndex == nil || record.customer == customerIndex)
                && (subscriptionIndex == nil || record.subscription == subscriptionIndex)
        }
        var payments: [Int64: ShownPayments] = [:]
        if wantsPayments {
            for invoice in page.rows { payments[invoice.index] = try shownPayments(of: invoice, in: view) }
        }
        return answer(page, payments, in: view)
    }

    private func answer(
        _ page: ListPage<InvoiceRecord>, _ payments: [Int64: ShownPayments], in view: WorldView
    ) -> Answer {
        let renderer = world.renderer
        let layout = renderer.layout(version, depth: 2)
        return Answer(
            list: page, url: "/v1/invoices",
            ids: listedIDs(page) { renderer.space.text(.invoice, $0.index, createdSeconds: $0.createdSeconds) },
            bound: {
                renderer.sizeBound(
                    $0, customer: view.customer($0.customer), layout: layout, payments: payments[$0.index])
            },
            write: {
                renderer.write(
                    $0, customer: view.customer($0.customer), layout: layout, payments: payments[$0.index], to: &$1)
            })
    }

    private func statusFilter() throws(SandboxError) -> SandboxInvoiceStatus? {
        guard let text = parameters.value("status"), !text.isEmpty else { return nil }
        guard let status = SandboxInvoiceStatus(rawValue: text) else {
            throw SandboxError(
                400, "Invalid status: must be one of draft, open, void, paid, or uncollectible", param: "status")
        }
        return status
    }

    private func collectionFilter() throws(SandboxError) -> Bool? {
        switch parameters.value("collection_method") {
        case nil, "": return nil
        case "send_invoice": return true
        case "charge_automatically": return false
        default:
            throw SandboxError(
                400, "Invalid collection_method: must be one of charge_automatically or send_invoice",
                param: "collection_method")
        }
    }

    /// Most expansions are not part of the sandbox; a request for one must not be answered as if there were none.
    /// How many there are on all pages, lists say in earlier versions only
    /// (https://docs.stripe.com/changelog/basil/2025-03-31/deprecate-total-count-expansion).
    func refuseExpansion(except known: String? = nil) throws(SandboxError) {
        for name in parameters.list("expand") where name != known {
            let isCount = name == "total_count" && endpoint.isPaged
            if isCount, version == .v2023 { continue }
            throw SandboxError(
                400, "This property cannot be expanded (\(name)).", code: isCount ? "property_forbidden" : nil,
                param: "expand")
        }
    }

    /// Writes the latest charges of intents, where the request wants them whole.
    func chargeExpansion(_ name: String) throws(SandboxError) -> PartRenderer? {
        try refuseExpansion(except: name)
        return parameters.list("expand").contains(name) ? world.partRenderer : nil
    }

    func retrieveInvoice() throws(SandboxError) -> Answer {
        try parameters.allow(["expand"])
        let wantsPayments = try wantsPayments("payments")
        let view = world.view
        guard let invoice = view.invoice(id: id) else { throw .noSuch("invoice", id, param: "invoice") }
        return answer(invoice, in: view, payments: wantsPayments ? try shownPayments(of: invoice, in: view) : nil)
    }

    func listLines() throws(SandboxError) -> Answer {
        try parameters.allow(["ending_before", "expand", "limit", "starting_after"])
        try refuseExpansion()
        let filter = try parameters.listFilter()
        guard let invoice = world.view.invoice(id: id) else { throw .noSuch("invoice", id, param: "invoice") }
        let renderer = world.renderer
        let ids = (0..<invoice.lines).map { position in
            let line = invoice.line(position)
            return renderer.space.text(.lineItem, line.item, createdSeconds: line.createdSeconds)
        }
        func place(_ cursor: String, _ param: String) throws(SandboxError) -> Int {
            guard let place = ids.firstIndex(of: cursor) else {
                throw .noSuch("invoice line item", cursor, param: param, status: 400)
            }
            return place
        }
        let rows: Range<Int>
        let hasMore: Bool
        if let cursor = filter.endingBefore {
            let end = try place(cursor, "ending_before")
            rows = max(0, end - filter.limit)..<end
            hasMore = rows.lowerBound > 0
        } else {
            let start =
                try filter.startingAfter.map { id throws(SandboxError) in try place(id, "starting_after") + 1 } ?? 0
            rows = start..<min(ids.count, start + filter.limit)
            hasMore = rows.upperBound < ids.count
        }
        let layout = renderer.lineLayout(version)
        return Answer(
            list: ListPage(rows: Array(rows), hasMore: hasMore, total: filter.counts ? ids.count : nil),
            url: "/v1/invoices/\(id)/lines",
            bound: { _ in renderer.lineSizeBound(invoice, layout) },
            write: { renderer.writeLine(invoice, $0, layout, to: &$1) })
    }

    func deleteInvoice() throws(SandboxError) -> Answer {
        try parameters.allow([])
        try change { change throws(SandboxError) in
            try change.delete(try change.invoice(id: id, param: "invoice"))
        }
        return Answer(.object([("id", .string(id)), ("object", .string("invoice")), ("deleted", .boolean(true))]))
    }

    /// The operations that move an invoice from one state to another.
    func move() throws(SandboxError) -> Answer {
        switch endpoint {
        case .payInvoice: try parameters.allow(["expand", "paid_out_of_band"])
        case .finalizeInvoice: try parameters.allow(["auto_advance", "expand"])
        default: try parameters.allow(["expand"])
        }
        let wantsPayments = try wantsPayments("payments")
        let outOfBand = try parameters.boolean("paid_out_of_band") ?? false
        let advance = try parameters.boolean("auto_advance")
        let moved = try change { change throws(SandboxError) in
            let invoice = try change.invoice(id: id, param: endpoint == .sendInvoice ? "invoice" : "id")
            switch endpoint {
            case .finalizeInvoice: return try change.finalize(invoice, autoAdvance: advance)
            case .sendInvoice: return try change.send(invoice)
            case .payInvoice:
                if !outOfBand { try change.requireMethod(toPay: invoice) }
                return try change.pay(invoice, outOfBand: outOfBand)
            case .voidInvoice: return try change.void(invoice)
            default: return try change.markUncollectible(invoice)
            }
        }
        let view = world.view
        return answer(moved, in: view, payments: wantsPayments ? try shownPayments(of: moved, in: view) : nil)
    }
}
