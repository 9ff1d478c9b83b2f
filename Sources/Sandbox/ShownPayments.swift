/// The payments of an invoice, for a request that wants them with it: `expand[]=payments`, which later versions have
/// in place of `payment_intent` and `charge` (https://docs.stripe.com/changelog/basil). At most a page of them.
struct ShownPayments {
    let page: ListPage<InvoicePaymentRecord>
    let renderer: PartRenderer

    /// An upper bound of what ``write(depth:to:)`` needs.
    var sizeBound: Int { 512 + page.rows.count * (renderer.paymentSizeBound + 16) }

    /// Writes the member after the comma of the one before it.
    /// - Parameter depth: of the member.
    func write(depth: Int, to pen: inout Pen) {
        pen.line(depth)
        pen.text("\"payments\": {")
        pen.line(depth + 1)
        pen.text("\"object\": \"list\",")
        pen.line(depth + 1)
        pen.text("\"data\": [")
        for (position, payment) in page.rows.enumerated() {
            if position > 0 { pen.text(",") }
            pen.line(depth + 2)
            renderer.writePayment(payment, depth: depth + 2, to: &pen)
        }
        if !page.rows.isEmpty { pen.line(depth + 1) }
        pen.text("],")
        pen.line(depth + 1)
        pen.text("\"has_more\": ")
        pen.boolean(page.hasMore)
        pen.text(",")
        pen.line(depth + 1)
        pen.text("\"url\": \"/v1/invoice_payments\"")
        pen.line(depth)
        pen.text("},")
    }
}

extension Exchange {
    /// Whether the request wants the payments of invoices with them; `name` is what it calls them.
    func wantsPayments(_ name: String) throws(SandboxError) -> Bool {
        // Earlier versions have no such property.
        try refuseExpansion(except: version == .dahlia ? name : nil)
        return parameters.list("expand").contains(name)
    }

    /// The payments of an invoice that is shown with them.
    func shownPayments(of invoice: InvoiceRecord, in view: WorldView) throws(SandboxError) -> ShownPayments {
        var page = ListPage<InvoicePaymentRecord>(rows: [], hasMore: false)
        // A draft has none, and none is older than its invoice.
        if invoice.finalizedSeconds != nil {
            var filter = ListFilter()
            filter.fromSeconds = invoice.createdSeconds
            page = try view.invoicePayments(filter) { $0.invoice.index == invoice.index }
        }
        return ShownPayments(page: page, renderer: world.partRenderer)
    }
}
