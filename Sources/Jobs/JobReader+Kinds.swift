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
        let table = table(fields.mapping("table"), object: object)
        let accounts = accounts(fields)
        if accounts.count > 1, table.side(object).isOfOneAccount {
            source.report(
                "\(accounts.count) accounts are compared with one table of \(table.side(object).rawValue): "
                    + SharedTables.consequence, at: fields.place(of: "accounts"), expected: SharedTables.expectation,
                remedy: SharedTables.remedy)
        }
        return ReconcileJob(
            accounts: accounts, object: object, lookBackSeconds: lookBack, settleSeconds: settle, table: table,
            on: actions(fields.mapping("on"), side: table.side(object)),
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
            directory: deliver.boolean("directory") ?? false, s3: deliver.boolean("s3") ?? false,
            when: deliver.text("when").flatMap(DeliverWhen.init) ?? .changed)
        requireDelivery(email: !rule.email.isEmpty, slack: rule.slack, directory: rule.directory, s3: rule.s3, deliver)
        return ReportJob(
            report: fields.text("report").flatMap(ReportName.init) ?? .balance,
            accounts: known(fields.textFields("accounts")),
            cutOff: CutOff(hour: time?.hour ?? 0, minute: time?.minute ?? 0, timeZone: zoneName),
            historyFrom: fields.text("history_from").flatMap { CivilDate($0) },
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
            maxRepairs: Int(inner.integer("max_repairs") ?? 0), maxRepairShare: inner.number("max_repair_share") ?? 0,
            shareFloor: Int(inner.integer("share_floor") ?? 0))
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
        let contract = TableContract(
            name: fields.text("name") ?? "", schema: fields.text("schema") ?? "public", columns: columns)
        let side = contract.side(object)
        if fields.has("columns") {
            for role in side.requiredRoles where !columnFields.has(role.rawValue) {
                source.report(
                    "the role \"\(role.rawValue)\" is missing under \"columns\"", at: columnFields.place,
                    expected: "columns for " + side.requiredRoles.map(\.rawValue).joined(separator: ", ")
                        + " when object is \(object.rawValue) and the rows are \(side.rawValue)")
            }
        }
        return contract
    }

    private func actions(_ fields: Fields, side: LocalSide) -> [FindingKind: Action] {
        var actions: [FindingKind: Action] = [:]
        for kind in FindingKind.allCases where fields.has(kind.rawValue) {
            if !side.findingKinds.contains(kind) {
                source.report(
                    "\"\(kind.rawValue)\" never happens when \(side.comparison)",
                    at: fields.keyPlaces[kind.rawValue],
                    expected: "one of " + side.findingKinds.map(\.rawValue).joined(separator: ", "))
            }
            actions[kind] = fields.text(kind.rawValue).flatMap(Action.init)
        }
        return actions
    }
}

extension LocalSide {
    /// The roles without which nothing can be compared.
    package var requiredRoles: [ColumnRole] {
        switch self {
        case .orders, .payments: [.id, .amount, .currency, .paid, .cancelledAt]
        case .charges: [.id, .amount, .currency, .status]
        case .notices: [.id, .account, .sentAt]
        case .customers: [.customer]
        }
    }

    /// Every row is compared with the account's objects: no column says whose it is.
    var isOfOneAccount: Bool {
        switch self {
        case .orders, .charges: true
        // A notice says whose it is, and what only explains payments does so for whoever's they are.
        case .notices, .customers, .payments: false
        }
    }

    /// For an error.
    var comparison: String {
        switch self {
        case .orders: "invoices are compared with orders"
        case .notices: "invoices are compared with notices"
        case .charges: "payment intents are compared with charges"
        case .customers: "payment intents are compared with customers"
        case .payments: "payment intents are compared with orders"
        }
    }

    /// What a comparison can find.
    package var findingKinds: [FindingKind] {
        switch self {
        case .orders: FindingKind.invoiceKinds
        case .notices: [.missedFinalizedNotice, .unknownStatus]
        case .charges: FindingKind.intentKinds
        case .customers: [.missingLocally, .unknownStatus]
        case .payments:
            [.duplicateInStripe, .currencyMismatch, .amountMismatch, .unknownStatus, .missingLocally, .staleIntent]
        }
    }
}
