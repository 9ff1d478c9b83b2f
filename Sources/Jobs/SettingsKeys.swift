/// The keys of `settings.yaml`.
package enum SettingsKeys {
    package static let table = KeyTable([
        Key(
            "accounts", .dictionary(keys: .accountName, values: account, 1...64),
            "The Stripe accounts, by the names that jobs use.", required: true),
        Key("database", .mapping(database), "Where the local tables are. Without it: the embedded database."),
        Key("delivery", .mapping(delivery), "The ways reports and notices leave."),
        Key("sign_off", .mapping(signOff), "Who may sign a report, and who hears of it."),
    ])

    static let account = KeyTable([
        Key(
            "secret_key_env", .text(.environmentName),
            "The environment variable with the secret or restricted key; NAME_FILE is read when NAME is unset.",
            required: true),
        Key(
            "webhook_secret_env", .text(.environmentName),
            "The environment variable with the webhook signing secret."),
        Key(
            "webhook_secret_other_env", .text(.environmentName),
            "The environment variable with a second signing secret, for a rotation; it counts while it is set."),
        Key(
            "mode", .word(AccountMode.allCases.map(\.rawValue)),
            "Must agree with the key's prefix and with livemode on every object. Without it: whatever the key says."),
        Key("account_id", .text(.accountID), "Checked against GET /v1/account."),
        Key("api_version", .text(.apiVersion), "Sent as Stripe-Version.", fallback: "2023-10-16"),
        Key(
            "api_base", .text(.apiBase), "The API's address; http only on loopback, for a stand-in.",
            fallback: "https://api.stripe.com"),
        Key("rate", .mapping(rate), "The account's rate limits, and the part of them that Trueup may use."),
    ])

    static let rate = KeyTable([
        Key("per_second", .integer(1...10_000), "Requests per second over all endpoints.", fallback: "100"),
        Key("per_endpoint", .integer(1...10_000), "Requests per second on one endpoint.", fallback: "25"),
        Key("share", .number(0.01...1), "The part of the limits that Trueup may use.", fallback: "0.8"),
    ])

    static let database = KeyTable([
        Key(
            "url_env", .text(.environmentName),
            "The environment variable with the PostgreSQL URL; when it is unset, the embedded database is used.",
            fallback: "DATABASE_URL")
    ])

    static let delivery = KeyTable([
        Key("email", .mapping(email), "Mail over SMTP."),
        Key("slack", .mapping(slack), "A Slack incoming webhook."),
        Key("directory", .mapping(directory), "A directory for report files."),
        Key("s3", .mapping(s3), "A bucket for report files."),
    ])

    static let signOff = KeyTable([
        Key(
            "shared_login", .boolean,
            "Whether preparer and reviewer may sign under one user of the machine and of the database.",
            fallback: "false"),
        Key(
            "notify", .boolean, "Whether those who got a report by mail or Slack hear of each signature.",
            fallback: "true"),
    ])

    static let email = KeyTable([
        Key(
            "url_env", .text(.environmentName),
            "The environment variable with smtps://user:password@host:port.", fallback: "SMTP_URL"),
        Key("from", .text(.mailbox), "The sender.", required: true),
    ])

    static let slack = KeyTable([
        Key(
            "url_env", .text(.environmentName), "The environment variable with the webhook's address.",
            fallback: "SLACK_WEBHOOK_URL")
    ])

    static let directory = KeyTable([
        Key("path", .text(.relativePath), "Relative to the working directory.", fallback: "reports")
    ])

    static let s3 = KeyTable([
        Key("bucket", .text(.bucket), "The bucket's name.", required: true),
        Key("prefix", .text(.objectPrefix), "Before every object's name, such as trueup/reports."),
        Key("region", .text(.region), "The bucket's region.", fallback: "us-east-1"),
        Key(
            "endpoint", .text(.apiBase),
            "The address of a service that speaks S3; http only on loopback. Without it: Amazon's."),
        Key(
            "access_key_env", .text(.environmentName), "The environment variable with the access key's id.",
            fallback: "AWS_ACCESS_KEY_ID"),
        Key(
            "secret_key_env", .text(.environmentName), "The environment variable with the secret access key.",
            fallback: "AWS_SECRET_ACCESS_KEY"),
    ])
}
