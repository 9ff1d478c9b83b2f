/// Checked keys to ``Settings``.
struct SettingsReader {
    let source: SourceText

    /// The settings, or `nil` after reporting why there are none. Settings with errors are given, too, as far as they
    /// go, so that jobs can be held against them.
    func settings() -> Settings? {
        let first = "accounts: {NAME: {secret_key_env: VARIABLE}}"
        guard let root = Document.root(source, first: first) else { return nil }
        let fields = Checker(source).fields(root, SettingsKeys.table)
        guard case .dictionary(let entries)? = fields.field("accounts")?.value else { return nil }
        let accounts = entries.map(account)
        reportSharedKeys(accounts, entries)
        return Settings(
            accounts: accounts, databaseURLEnv: fields.mapping("database").text("url_env") ?? "DATABASE_URL",
            delivery: delivery(fields.mapping("delivery")),
            signOff: signOff(fields.mapping("sign_off")))
    }

    private func signOff(_ fields: Fields) -> SignOffSettings {
        SignOffSettings(
            sharedLogin: fields.boolean("shared_login") ?? false, notify: fields.boolean("notify") ?? true)
    }

    private func account(_ entry: Field.Entry) -> AccountSettings {
        let fields = entry.fields
        let rate = fields.mapping("rate")
        var base = fields.text("api_base") ?? ""
        if base.hasSuffix("/") { base.removeLast() }
        return AccountSettings(
            name: entry.name, secretKeyEnv: fields.text("secret_key_env") ?? "",
            webhookSecretEnv: fields.text("webhook_secret_env"),
            webhookSecretOtherEnv: fields.text("webhook_secret_other_env"),
            mode: fields.text("mode").flatMap(AccountMode.init), accountID: fields.text("account_id"),
            apiVersion: fields.text("api_version") ?? "", apiBase: base,
            rate: RateSettings(
                perSecond: Int(rate.integer("per_second") ?? 0), perEndpoint: Int(rate.integer("per_endpoint") ?? 0),
                share: rate.number("share") ?? 0))
    }

    /// One key under two names would be reconciled twice, against the same tables, at twice its rate.
    private func reportSharedKeys(_ accounts: [AccountSettings], _ entries: [Field.Entry]) {
        var owners: [String: String] = [:]
        for (account, entry) in zip(accounts, entries) where !account.secretKeyEnv.isEmpty {
            if let owner = owners[account.secretKeyEnv] {
                source.report(
                    "the accounts \(owner) and \(account.name) name the same key, \(account.secretKeyEnv)",
                    at: entry.fields.place(of: "secret_key_env"), expected: "a variable of its own for each account")
            }
            owners[account.secretKeyEnv] = account.name
        }
    }

    private func delivery(_ fields: Fields) -> DeliverySettings {
        var delivery = DeliverySettings()
        if fields.has("email") {
            let email = fields.mapping("email")
            delivery.email = EmailDelivery(urlEnv: email.text("url_env") ?? "", from: email.text("from") ?? "")
        }
        if fields.has("slack") {
            delivery.slack = SlackDelivery(urlEnv: fields.mapping("slack").text("url_env") ?? "")
        }
        if fields.has("directory") {
            delivery.directory = DirectoryDelivery(path: fields.mapping("directory").text("path") ?? "")
        }
        if fields.has("s3") { delivery.s3 = s3(fields.mapping("s3")) }
        return delivery
    }

    private func s3(_ fields: Fields) -> S3Delivery {
        var endpoint = fields.text("endpoint")
        if endpoint?.hasSuffix("/") == true { endpoint?.removeLast() }
        return S3Delivery(
            bucket: fields.text("bucket") ?? "", prefix: fields.text("prefix") ?? "",
            region: fields.text("region") ?? "", endpoint: endpoint,
            accessKeyEnv: fields.text("access_key_env") ?? "", secretKeyEnv: fields.text("secret_key_env") ?? "")
    }
}
