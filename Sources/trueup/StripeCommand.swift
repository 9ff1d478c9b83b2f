import ArgumentParser
import PostgreSQL
import Reconciliation
import Runner
import Stripe

struct StripeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stripe", abstract: "Changes at Stripe by hand: customers, payment methods, invoices, charges.",
        discussion: """
            --account is always explicit: default for general customers, medflyt for agencies that are charged,
            task_health for agencies that buy credits. In live mode the account's name is asked for once more.
            """,
        subcommands: [
            StripeCustomerCommand.self, StripeSetupIntentCommand.self, StripePaymentMethodCommand.self,
            StripeInvoiceCommand.self, StripeChargeCommand.self, StripeIntentCommand.self,
        ])
}

struct StripeCustomerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "customer", abstract: "Customers.", subcommands: [StripeCustomerCreateCommand.self])
}

struct StripeCustomerCreateCommand: AsyncParsableCommand, StripeUsing {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Makes a customer; with --agency, writes its id into the agency's row.")

    @Option(name: .long, help: "The customer's name.")
    var name: String

    @Option(name: .long, help: "Where invoices are sent.")
    var email: String?

    @Option(name: .long, help: "For people.")
    var description: String?

    @Option(name: .long, help: ArgumentHelp("The agency whose customer it becomes.", valueName: "id"))
    var agency: Int64?

    @OptionGroup var metadata: MetadataOptions
    @OptionGroup var options: StripeOptions

    func run() async throws {
        var draft = CustomerDraft(name: name, email: email, description: description, metadata: try metadata.pairs())
        if let agency, !draft.metadata.contains(where: { $0.0 == "agency_id" }) {
            draft.metadata.append(("agency_id", String(agency)))
        }
        let made = draft
        guard let agency else {
            return try await options.run("make a customer") { client in
                StripeReply(try await client.createCustomer(made, idempotencyKey: options.key))
            }
        }
        let account = options.account
        guard account != "default" else {
            throw CommandError(
                "Account default has patients, not agencies: an agency's customer is one of medflyt or task_health.",
                code: 64)
        }
        let key = options.key ?? "trueup-customer-\(account)-agency-\(agency)"
        try await options.runWithPool("make a customer") { client, _, pool in
            try await pool.withConnection { connection in
                if let other = try await AgencyCustomers.customer(ofAgency: agency, account: account, on: connection) {
                    throw AgencyCustomers.Refusal.hasOne(agencyID: agency, customer: other)
                }
                let customer = try await client.createCustomer(made, idempotencyKey: key)
                try await AgencyCustomers.store(customer.value.id, ofAgency: agency, account: account, on: connection)
                return StripeReply(customer)
            }
        }
    }
}

struct StripeSetupIntentCommand: AsyncParsableCommand, StripeUsing {
    static let configuration = CommandConfiguration(
        commandName: "setup-intent", abstract: "Begins to set up a card or bank account that is charged later.")

    @Option(name: .long, help: ArgumentHelp("Whose it will be.", valueName: "cus_…"))
    var customer: String

    @Option(name: .long, help: "For people.")
    var description: String?

    @Option(name: .long, help: "card or us_bank_account; may be given again. Both by default.")
    var kind: [PaymentMethodKind] = []

    @OptionGroup var metadata: MetadataOptions
    @OptionGroup var options: StripeOptions

    func run() async throws {
        let draft = SetupIntentDraft(
            customer: customer, description: description, kinds: kind.isEmpty ? PaymentMethodKind.allCases : kind,
            metadata: try metadata.pairs())
        try await options.run("make a setup intent") { client in
            let made = try await client.createSetupIntent(draft, idempotencyKey: options.key)
            return StripeReply([
                ("setup_intent", .text(made.value.id)), ("status", .text(made.value.status)),
                ("client_secret", .text(made.value.clientSecret)), ("request", .text(made.requestID)),
            ])
        }
    }
}

extension PaymentMethodKind: ExpressibleByArgument {}

struct StripeChargeCommand: AsyncParsableCommand, StripeUsing {
    static let configuration = CommandConfiguration(
        commandName: "charge", abstract: "Charges an agency's default payment method, and keeps a row of it.",
        discussion: "Code 2: no money came in, nobody knows yet, or a person has to decide. With the same --key it "
            + "goes on where it stopped.")

    @Option(name: .long, help: ArgumentHelp("The agency.", valueName: "id"))
    var agency: Int64

    @Option(name: .long, help: ArgumentHelp("US cents, at least 50.", valueName: "cents"))
    var amount: Int64

    @Option(name: .long, help: "What the agency sees.")
    var description: String

    @Option(name: .long, help: "A word for the application, such as sms_boost.")
    var purpose: String?

    @OptionGroup var options: StripeOptions

    func run() async throws {
        let new = NewCharge(agencyID: agency, amount: amount, description: description, purpose: purpose)
        var hasSucceeded = false
        let money = Money(minorUnits: amount, currency: "usd")
        try await options.runWithPool("charge \(money) to agency \(agency)") { client, set, pool in
            let charging = try await AgencyCharging.open(
                account: options.account, jobs: set.jobs, client: client, pool: pool)
            let result = try await charging.charge(new, idempotencyKey: options.key)
            hasSucceeded = result.outcome == .succeeded
            return StripeReply([
                ("charge", .number(result.chargeID)), ("payment_intent", .text(result.intentID)),
                ("outcome", .text(result.outcome.rawValue)), ("status", .text(result.status.word)),
                ("detail", .text(result.detail)), ("next", .text(result.outcome.next)),
            ])
        }
        if !hasSucceeded { throw ExitCode(2) }
    }
}

struct StripeIntentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "intent", abstract: "Payment intents.", subcommands: [StripeIntentCancelCommand.self])
}

struct StripeIntentCancelCommand: AsyncParsableCommand, StripeUsing {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "Gives a payment intent up: nobody can pay it any more.")

    @Argument(help: ArgumentHelp("The payment intent.", valueName: "pi_…"))
    var id: String

    @Option(name: .long, help: "duplicate, fraudulent, requested_by_customer or abandoned.")
    var reason: CancellationReason?

    @OptionGroup var options: StripeOptions

    func run() async throws {
        try await options.run("cancel \(id)") { client in
            let canceled = try await client.cancelPaymentIntent(id, reason: reason, idempotencyKey: options.key)
            return StripeReply([
                ("payment_intent", .text(canceled.value.id)), ("status", .text(canceled.value.status.text)),
                ("request", .text(canceled.requestID)),
            ])
        }
    }
}

extension CancellationReason: ExpressibleByArgument {}
