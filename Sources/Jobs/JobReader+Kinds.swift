import Reconciliation
import Schedule

extension JobReader {
    func reconcile(_ fields: Fields) -> ReconcileJob {
        let object = fields.text("object").flatMap(StripeObject.init) ?? .invoice
        let lookBack = fields.seconds("look_back") ?? 0
        let settle = fields.seconds("settle") ?? 0
        if lookBack <= settle {
            source.report(
                "\"look_back\" is not longer than \"settle\", so nothing is ever read",
                at: fields.place(of: "look_back"))
        }
        return ReconcileJob(
            accounts: accounts(fields), object: object, lookBackSeconds: lookBack, settleSeconds: settle,
            table: table(fields.mapping("table"), object: object),
            on: actions(fields.mapping("on"), object: object),
            staleAfterSeconds: fields.seconds("stale_after") ?? 0, limits: limits(fields))
    }

    func expire(_ fields: Fields) -> ExpireJob {
        ExpireJob(
            accounts: accounts(fields), objects: fields.texts("objects").compactMap(StripeObject.init),
            staleAfterSeconds: fields.seconds("stale_after") ?? 0, lookBackSeconds: fields.seconds("look_back"),
            limits: limits(fields))
    }

    func replay(_ fields: Fields) -> ReplayJob {
        ReplayJob(
            accounts: accounts(fields), events: fields.texts("events"),
            lookBackSeconds: fields.seconds("look_back") ?? 0, settleSeconds: fields.seconds("settle") ?? 0,
            limits: limits(fields))
    }

    func report(_ fields: Fields, timeZone: String) -> ReportJob {
        let cutOff = fields.mapping("cut_off")
        let time = cutOff.text("at").flatMap(TimeOfDay.init)
        var zoneName = timeZone
        if let own = cutOff.text("time_zone") {
            _ = zones.zone(own, at: cutOff.place(of: "time_zone"), source)
            zoneName = own
        }
        let deliver = fields.mapping("deliver")
        let rule = DeliverRule(
            email: deliver.texts("email"), slack: deliver.boolean("slack") ?? false,
            directory: deliver.boolean("directory") ?? false,
            when: deliver.text("when").flatMap(DeliverWhen.init) ?? .changed)
        requireDelivery(email: !rule.email.isEmpty, slack: rule.slack, directory: rule.directory, deliver)
        return ReportJob(
            report: fields.text("report").flatMap(ReportName.init) ?? .balance,
            accounts: known(fields.textFields("accounts")),
            cutOff: CutOff(hour: time?.hour ?? 0, minute: time?.minute ?? 0, timeZone: zoneName),
            formats: fields.texts("formats").compactMap(ReportFormat.init), deliver: rule,
            toleranceCredits: fields.mapping("tolerance").integer("credits") ?? 0)
    }

    /// `account` or `accounts`, exactly one of them; all in the settings.
    private func accounts(_ fields: Fields) -> [String] {
        switch (fields.has("account"), fields.has("accounts")) {
        case (true, true):
            source.report(
                "both \"account\" and \"accounts\" are given", at: fields.keyPlaces["accounts"], expected: "one of them"
            )
            return []
        case (false, false):
            source.report(
                "the key \"account\" is missing", at: fields.place, expected: "account: NAME, or accounts: [NAME, …]")
            return []
        case (true, false):
            guard case .text(let name)? = fields.field("account")?.value else { return [] }
            return known([(name, fields.place(of: "account"))])
        case (false, true):
            return known(fields.textFields("accounts"))
        }
    }

    private func known(_ names: [(text: String, place: SourceText.Place?)]) -> [String] {
        guard let settings else { return names.map(\.text) }
        let accounts = settings.accounts.map(\.name)
        for (name, place) in names where !accounts.contains(name) {
            source.report(
                "unknown account \(quoted(name))", at: place, found: name,
                expected: "an account of settings.yaml: " + accounts.joined(separator: ", "),
                suggestion: nearestWord(to: name, among: accounts))
        }
        return names.map(\.text)
    }

    private func limits(_ fields: Fields) -> RepairLimits {
        let inner = fields.mapping("limits")
        return RepairLimits(
            maxRepairs: Int(inner.integer("max_repairs") ?? 0), maxRepairShare: inner.number("max_repair_share") ?? 0)
    }

    private func table(_ fields: Fields, object: StripeObject) -> TableContract {
        let columnFields = fields.mapping("columns")
        var columns: [ColumnRole: String] = [:]
        var owners: [String: ColumnRole] = [:]
        for role in ColumnRole.allCases {
            guard let column = columnFields.text(role.rawValue) else { continue }
            columns[role] = column
            if let owner = owners[column] {
                source.report(
                    "the column \(quoted(column)) plays two roles, \(owner.rawValue) and \(role.rawValue)",
                    at: columnFields.place(of: role.rawValue))
            }
            owners[column] = role
        }
        if fields.has("columns") {
            for role in object.requiredRoles where !columnFields.has(role.rawValue) {
                source.report(
                    "the role \"\(role.rawValue)\" is missing under \"columns\"", at: columnFields.place,
                    expected: "columns for " + object.requiredRoles.map(\.rawValue).joined(separator: ", ")
                        + " when object is \(object.rawValue)")
            }
        }
        return TableContract(
            name: fields.text("name") ?? "", schema: fields.text("schema") ?? "public", columns: columns)
    }

    private func actions(_ fields: Fields, object: StripeObject) -> [FindingKind: Action] {
        var actions: [FindingKind: Action] = [:]
        for kind in FindingKind.allCases where fields.has(kind.rawValue) {
            if !object.findingKinds.contains(kind) {
                source.report(
                    "\"\(kind.rawValue)\" never happens to \(object == .invoice ? "an invoice" : "a payment intent")",
                    at: fields.keyPlaces[kind.rawValue],
                    expected: "one of " + object.findingKinds.map(\.rawValue).joined(separator: ", "))
            }
            actions[kind] = fields.text(kind.rawValue).flatMap(Action.init)
        }
        return actions
    }
}

extension StripeObject {
    /// The roles without which nothing can be compared.
    package var requiredRoles: [ColumnRole] {
        switch self {
        case .invoice: [.id, .amount, .currency, .paid, .cancelledAt]
        case .paymentIntent: [.id, .amount, .currency, .status]
        }
    }

    /// What a comparison of such objects can find.
    package var findingKinds: [FindingKind] {
        switch self {
        case .invoice: FindingKind.invoiceKinds + [.missedFinalizedNotice]
        case .paymentIntent:
            [
                .malformedID, .duplicateLocal, .duplicateInStripe, .orderMismatch, .currencyMismatch, .amountMismatch,
                .customerMismatch, .unknownStatus, .disputed, .refunded, .unlinkedOrder, .missedSucceeded,
                .missedCanceled, .missedFailed, .unpaidInStripe, .missingInStripe, .missingLocally, .staleIntent,
            ]
        }
    }
}
