import Foundation
import Jobs

/// The job files of this repository, as the demo writes them: the same text as in `jobs/`, which a test holds them to.
enum DemoJobs {
    /// The jobs in the order of a night, each with its file.
    static let files: [(name: String, text: String)] = [
        ("credit-invoices", creditInvoices),
        ("credit-payment-intents", creditPaymentIntents),
        ("agency-charges", agencyCharges),
        ("agency-invoices", agencyInvoices),
        ("patient-payments", patientPayments),
        ("expire-drafts", expireDrafts),
        ("replay-events", replayEvents),
        (report, balanceReport),
    ].map { ($0.0, firstLine("job") + $0.1) }

    /// Names the schema, for editors.
    private static func firstLine(_ schema: String) -> String {
        "# yaml-language-server: $schema=schema/\(schema).json\n"
    }

    /// The jobs that a night runs; the last one is for what webhooks lose by day.
    static let nightly = files.map(\.name).filter { $0 != replay && $0 != report }
    static let replay = "replay-events"
    static let report = "balance-report"

    private static let creditInvoices = """
        description: Repair credit invoices whose webhooks were missed.
        kind: reconcile
        account: task_health
        object: invoice
        look_back: 35d
        settle: 5m
        table:
          name: task_credit_stripe_invoice
          columns:
            key: id
            id: stripe_invoice_id
            amount: amount_cents
            currency: currency
            paid: paid
            paid_at: paid_at
            cancelled_at: cancelled_at
            created_at: created_at
            credits: credits
            agency_id: agency_id
        on:
          missed_paid: apply
          missed_void: apply
          missing_in_stripe: apply
          missing_locally: review
        stale_after: 7d
        limits: {max_repairs: 500, max_repair_share: 0.05}
        schedule: "15 2 * * *"
        time_zone: America/New_York
        on_overlap: skip
        catch_up: latest
        start_deadline: 6h
        timeout: 2h
        retry: {attempts: 3, backoff: 5m}

        """

    private static let creditPaymentIntents = """
        description: Find payments that no credit order explains, and cancel intents that nobody confirmed.
        kind: reconcile
        account: task_health
        object: payment_intent
        look_back: 35d
        table:
          # The orders explain the payment intents of their invoices.
          name: task_credit_stripe_invoice
          columns:
            id: stripe_invoice_id
            amount: amount_cents
            currency: currency
            paid: paid
            cancelled_at: cancelled_at
        stale_after: 7d
        limits: {max_repairs: 100, max_repair_share: 0.05}
        schedule: "25 2 * * *"
        time_zone: America/New_York
        start_deadline: 6h
        retry: {attempts: 3, backoff: 5m}

        """

    private static let agencyCharges = """
        description: Repair charges of agencies whose webhooks were missed.
        kind: reconcile
        account: medflyt
        object: payment_intent
        look_back: 35d
        table:
          name: agency_charge
          columns:
            key: id
            id: stripe_payment_intent_id
            amount: amount_cents
            currency: currency
            status: status
            created_at: created_at
            agency_id: agency_id
            succeeded_at: succeeded_at
        on:
          missed_succeeded: apply
          missed_canceled: apply
          missed_failed: apply
        stale_after: 7d
        limits: {max_repairs: 500, max_repair_share: 0.05}
        schedule: "35 2 * * *"
        time_zone: America/New_York
        start_deadline: 6h
        retry: {attempts: 3, backoff: 5m}

        """

    private static let agencyInvoices = """
        description: Send the notices of finalized invoices that agencies never got.
        kind: reconcile
        accounts: [default, medflyt]
        object: invoice
        look_back: 35d
        settle: 1h
        table:
          # The rows are notices: an invoice without one was finalized, and nobody was told.
          name: agency_invoice_notice
          columns:
            id: stripe_invoice_id
            account: account
            agency_id: agency_id
            sent_at: sent_at
        limits: {max_repairs: 100, max_repair_share: 0.05}
        schedule: "45 2 * * *"
        time_zone: America/New_York
        start_deadline: 6h
        retry: {attempts: 3, backoff: 5m}

        """

    private static let patientPayments = """
        description: Find payments of customers that belong to no patient.
        kind: reconcile
        account: default
        object: payment_intent
        look_back: 35d
        table:
          # The rows are customers: a payment is explained by its customer's patient.
          name: stripe_customer_patient_assoc
          columns:
            customer: stripe_customer_id
        schedule: "55 2 * * *"
        time_zone: America/New_York
        start_deadline: 6h
        retry: {attempts: 3, backoff: 5m}

        """

    private static let expireDrafts = """
        description: Delete drafts that nobody will finalize, and cancel payment intents that nobody will confirm.
        kind: expire
        accounts: [task_health, medflyt]
        stale_after: 7d
        limits: {max_repairs: 200, max_repair_share: 1}
        schedule: "30 3 * * *"
        time_zone: America/New_York
        start_deadline: 6h
        retry: {attempts: 3, backoff: 5m}

        """

    private static let replayEvents = """
        description: Make up for events of the last 30 days whose webhooks were not delivered, or had no effect.
        kind: replay
        accounts: [default, medflyt, task_health]
        events:
          - invoice.finalized
          - invoice.paid
          - invoice.voided
          - payment_intent.succeeded
          - payment_intent.canceled
        limits: {max_repairs: 500, max_repair_share: 0.05}
        schedule: "40 * * * *"
        time_zone: America/New_York
        start_deadline: 30m
        catch_up: none

        """

    private static let balanceReport = """
        description: State the balances as of midnight, with every difference explained, for finance to sign.
        kind: report
        report: balance
        # It starts when tonight's runs of these have ended, and says INCOMPLETE where one could not read everything.
        after:
          - credit-invoices
          - credit-payment-intents
          - agency-charges
          - agency-invoices
          - patient-payments
          - expire-drafts
        cut_off: {at: "00:00", time_zone: America/New_York}
        formats: [html, xlsx, csv, json]
        deliver: {directory: true, when: changed}
        tolerance: {credits: 0}
        schedule: "0 4 * * *"
        time_zone: America/New_York
        start_deadline: 6h
        retry: {attempts: 3, backoff: 5m}

        """

    /// `settings.yaml`: that of the repository, on the stand-in.
    static func settings(apiBase: String) -> String {
        let accounts = keys.map { account, variable, _ in
            "  \(account): {secret_key_env: \(variable), mode: test, api_base: \"\(apiBase)\", rate: {share: 0.95}}\n"
        }
        return "accounts:\n" + accounts.joined() + """

            # Mail is written to the outbox. Nothing leaves it: SMTP_URL is not set, and nobody delivers.
            delivery:
              email: {url_env: SMTP_URL, from: "Trueup <trueup@example.com>"}
              directory: {path: reports}

            # Preparer and reviewer of the demo are one process.
            sign_off: {shared_login: true}

            """
    }

    /// Each account with the environment variable of its key, and the key that the stand-in takes.
    static let keys: [(account: String, variable: String, key: String)] = [
        ("default", "STRIPE_SECRET_KEY", "sk_test_sandbox_default"),
        ("medflyt", "MEDFLYT_STRIPE_SECRET_KEY", "sk_test_sandbox_medflyt"),
        ("task_health", "TASK_HEALTH_STRIPE_SECRET_KEY", "sk_test_sandbox_task_health"),
    ]

    /// Writes the files into a directory, which holds nothing else then.
    static func write(to directory: String, apiBase: String) throws {
        let folder = URL(fileURLWithPath: directory)
        if FileManager.default.fileExists(atPath: directory) { try FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for (name, text) in files + [("settings", firstLine("settings") + settings(apiBase: apiBase))] {
            try Data(text.utf8).write(to: folder.appendingPathComponent(name + ".yaml"))
        }
        let schemas = folder.appendingPathComponent("schema")
        try FileManager.default.createDirectory(at: schemas, withIntermediateDirectories: true)
        try Data(JobSchema.jobJSON().utf8).write(to: schemas.appendingPathComponent("job.json"))
        try Data(JobSchema.settingsJSON().utf8).write(to: schemas.appendingPathComponent("settings.json"))
    }
}
