/// The texts of an invoice and its lines for one version, laid out for one depth.
struct InvoiceLayout: Sendable {
    let version: SandboxAPIVersion
    let depth: Int
    let invoice: Template<InvoiceSlot>
    let lines: LineLayout

    init(version: SandboxAPIVersion, depth: Int) {
        self.version = version
        self.depth = depth
        let text = version == .v2023 ? InvoiceText.v2023 : InvoiceText.dahlia
        invoice = Template(text, depth: depth) { InvoiceSlot(name: $0) }
        lines = LineLayout(version: version, depth: depth + 3)
    }
}

/// The texts of an invoice line for one version, laid out for one depth.
struct LineLayout: Sendable {
    let version: SandboxAPIVersion
    let depth: Int
    let item: Template<LineSlot>
    let subscription: Template<LineSlot>

    init(version: SandboxAPIVersion, depth: Int) {
        self.version = version
        self.depth = depth
        let old = version == .v2023
        item = Template(old ? LineText.item2023 : LineText.itemDahlia, depth: depth) { LineSlot(rawValue: $0) }
        subscription = Template(old ? LineText.subscription2023 : LineText.subscriptionDahlia, depth: depth) {
            LineSlot(rawValue: $0)
        }
    }
}
