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
        reportSharedVariables(entries)
        return Settings(
            accounts: accounts(entries), databaseURLEnv: fields.mapping("database").text("url_env") ?? "DATABASE_URL",
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

    /// Of two entries with one name, which is an error, the later one counts.
    private func accounts(_ entries: [Field.Entry]) -> [AccountSettings] {
        var names: Set<String> = []
        return entries.reversed().filter { names.insert($0.name).inserted }.reversed().map(account)
    }

    /// The keys of an account that name a variable with a secret.
    private static let secrets = ["secret_key_env", "webhook_secret_env", "webhook_secret_other_env"]

    /// One key under two names would be reconciled twice, against the same tables, at twice its rate. A signing secret
    /// says whose an event is, and is never a key.
    private func reportSharedVariables(_ entries: [Field.Entry]) {
        var owners: [String: (account: String, key: String)] = [:]
        for entry in entries {
            for key in Self.secrets {
                guard case .text(let variable)? = entry.fields.field(key)?.value else { continue }
                let own = (account: entry.name, key: key)
                // The same key of an account that stands there twice.
                if let owner = owners[variable], owner != own {
                    source.report(
                        Self.sharing(own, owner, variable), at: entry.fields.place(of: key),
                        expected: "a variable of its own for each "
                            + (owner.account == own.account ? "secret" : "account"))
                }
                owners[variable] = own
            }
        }
    }

    private static func sharing(
        _ own: (account: String, key: String), _ owner: (account: String, key: String), _ variable: String
    ) -> String {
        if own.account == owner.account {
            return "\"\(own.key)\" names the same variable as \"\(owner.key)\", \(variable)"
        }
        if own.key == owner.key, own.key == secrets[0] {
            return "the accounts \(owner.account) and \(own.account) name the same key, \(variable)"
        }
        return "\"\(own.key)\" names the same variable as \"\(owner.key)\" of account \(owner.account), \(variable)"
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
