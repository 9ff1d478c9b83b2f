import ArgumentParser
import Reconciliation
import Runner
import Stripe

struct StripeInvoiceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "invoice", abstract: "Invoices, one step at a time.",
        subcommands: [
            StripeInvoiceCreateCommand.self, StripeInvoiceFinalizeCommand.self, StripeInvoiceSendCommand.self,
            StripeInvoiceVoidCommand.self, StripeInvoicePayCommand.self, StripeInvoiceDeleteCommand.self,
        ])
}

/// The invoice that a step is about.
struct InvoiceArgument: ParsableArguments {
    @Argument(help: ArgumentHelp("The invoice.", valueName: "in_…"))
    var id: String
}

struct StripeInvoiceCreateCommand: AsyncParsableCommand, StripeUsing {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Makes a draft with one line, due in 30 days, that Stripe leaves alone.",
        discussion: "It belongs to no credit order: those are placed through the service, which keeps a row of each.")

    @Option(name: .long, help: ArgumentHelp("Who is invoiced.", valueName: "cus_…"))
    var customer: String

    @Option(name: .long, help: ArgumentHelp("In the currency's minor units.", valueName: "cents"))
    var amount: Int64

    @Option(name: .long, help: "ISO 4217.")
    var currency = "usd"

    @Option(name: .long, help: "The text of the line.")
    var description: String

    @OptionGroup var metadata: MetadataOptions
    @OptionGroup var options: StripeOptions

    func validate() throws {
        guard amount > 0 else { throw ValidationError("--amount must be above 0.") }
    }

    func run() async throws {
        let pairs = try metadata.pairs()
        let draft = InvoiceDraft(
            customer: customer, currency: currency.lowercased(), description: description, metadata: pairs)
        try await options.run("make a draft") { client in
            let made = try await client.createInvoice(draft, idempotencyKey: options.key)
            let known = try await client.invoice(made.value.id)
            // A repeated command finds the line there; another one under its key is not to be taken for it.
            guard known.value.status == .draft, known.value.total == 0 else {
                guard known.value.total == amount, known.value.currency == currency.lowercased() else {
                    let before = Money(minorUnits: known.value.total, currency: known.value.currency)
                    throw CommandError(
                        "This key made invoice \(known.value.id) of \(before) before. Use a new --key for a new "
                            + "invoice.")
                }
                return StripeReply(known)
            }
            let item = InvoiceItemDraft(
                customer: customer, amount: amount, currency: currency.lowercased(), invoice: made.value.id,
                description: description)
            _ = try await client.createInvoiceItem(item, idempotencyKey: options.key.map { $0 + "-line" })
            return StripeReply(try await client.invoice(made.value.id))
        }
    }
}

struct StripeInvoiceFinalizeCommand: AsyncParsableCommand, StripeUsing {
    static let configuration = CommandConfiguration(
        commandName: "finalize", abstract: "Draft to open: it can be paid, and not be changed any more.")
    @OptionGroup var invoice: InvoiceArgument
    @OptionGroup var options: StripeOptions

    func run() async throws {
        try await options.run("finalize \(invoice.id)") { client in
            StripeReply(try await client.finalizeInvoice(invoice.id, idempotencyKey: options.key))
        }
    }
}

struct StripeInvoiceSendCommand: AsyncParsableCommand, StripeUsing {
    static let configuration = CommandConfiguration(
        commandName: "send", abstract: "E-mails an invoice to its customer, finalizing it if need be.")
    @OptionGroup var invoice: InvoiceArgument
    @OptionGroup var options: StripeOptions

    func run() async throws {
        try await options.run("send \(invoice.id)") { client in
            StripeReply(try await client.sendInvoice(invoice.id, idempotencyKey: options.key))
        }
    }
}

struct StripeInvoiceVoidCommand: AsyncParsableCommand, StripeUsing {
    static let configuration = CommandConfiguration(
        commandName: "void", abstract: "Open to void, for ever; the order follows by webhook or with the next run.")
    @OptionGroup var invoice: InvoiceArgument
    @OptionGroup var options: StripeOptions

    func run() async throws {
        try await options.run("void \(invoice.id)") { client in
            StripeReply(try await client.voidInvoice(invoice.id, idempotencyKey: options.key))
        }
    }
}

struct StripeInvoicePayCommand: AsyncParsableCommand, StripeUsing {
    static let configuration = CommandConfiguration(
        commandName: "pay", abstract: "Pays an invoice with the customer's default payment method.")
    @OptionGroup var invoice: InvoiceArgument

    @Flag(name: .long, help: "It was paid elsewhere: no money is taken.")
    var outOfBand = false

    @OptionGroup var options: StripeOptions

    func run() async throws {
        try await options.run("pay \(invoice.id)") { client in
            StripeReply(
                try await client.payInvoice(invoice.id, paidOutOfBand: outOfBand, idempotencyKey: options.key))
        }
    }
}

struct StripeInvoiceDeleteCommand: AsyncParsableCommand, StripeUsing {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Deletes a draft; what was finalized is voided instead.")
    @OptionGroup var invoice: InvoiceArgument
    @OptionGroup var options: StripeOptions

    func run() async throws {
        try await options.run("delete \(invoice.id)") { client in
            let deleted = try await client.deleteDraftInvoice(invoice.id)
            return StripeReply([
                ("invoice", .text(deleted.value.id)), ("status", .text("deleted")),
                ("request", .text(deleted.requestID)),
            ])
        }
    }
}

struct StripePaymentMethodCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "payment-method", abstract: "What a customer pays with.",
        subcommands: [
            PaymentMethodListCommand.self, PaymentMethodAttachCommand.self, PaymentMethodDefaultCommand.self,
            PaymentMethodBankCommand.self,
        ])
}

/// The customer that a payment method is about.
struct CustomerOption: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("The customer.", valueName: "cus_…"))
    var customer: String
}

struct PaymentMethodListCommand: AsyncParsableCommand, StripeUsing {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Lists them.")
    @OptionGroup var owner: CustomerOption
    @OptionGroup var options: StripeOptions

    /// Pages that are shown at most.
    private static let pagesMax = 20

    func run() async throws {
        try await options.run("list", isReading: true) { client in
            var rows: [[(String, StripeReply.Value)]] = []
            let main = try await client.customer(owner.customer).value.defaultPaymentMethod
            var last: String?
            for _ in 0..<Self.pagesMax {
                let page = try await client.paymentMethods(ofCustomer: owner.customer, startingAfter: last)
                rows += page.objects.map { method in
                    StripeReply.fields(method) + [("default", .text(method.id == main ? "yes" : "no"))]
                }
                guard page.hasMore, let end = page.objects.last else { return StripeReply(list: rows) }
                last = end.id
            }
            throw CommandError("Customer \(owner.customer) has more than \(rows.count) payment methods.")
        }
    }
}

struct PaymentMethodAttachCommand: AsyncParsableCommand, StripeUsing {
    static let configuration = CommandConfiguration(
        commandName: "attach", abstract: "Gives a payment method to a customer.")

    @Argument(help: ArgumentHelp("The payment method.", valueName: "pm_…"))
    var id: String

    @OptionGroup var owner: CustomerOption
    @OptionGroup var options: StripeOptions

    func run() async throws {
        try await options.run("attach \(id)") { client in
            let attached = try await client.attachPaymentMethod(
                id, toCustomer: owner.customer, idempotencyKey: options.key)
            return StripeReply(StripeReply.fields(attached.value) + [("request", .text(attached.requestID))])
        }
    }
}

struct PaymentMethodDefaultCommand: AsyncParsableCommand, StripeUsing {
    static let configuration = CommandConfiguration(
        commandName: "default", abstract: "Makes it what invoices and charges are paid with.")

    @Argument(help: ArgumentHelp("The payment method.", valueName: "pm_…"))
    var id: String

    @OptionGroup var owner: CustomerOption
    @OptionGroup var options: StripeOptions

    func run() async throws {
        try await options.run("make \(id) the default") { client in
            StripeReply(
                try await client.setDefaultPaymentMethod(
                    id, ofCustomer: owner.customer, idempotencyKey: options.key))
        }
    }
}

struct PaymentMethodBankCommand: AsyncParsableCommand, StripeUsing {
    static let configuration = CommandConfiguration(
        commandName: "bank", abstract: "Adds the bank account that a token from Plaid stands for.")

    @Option(name: .long, help: ArgumentHelp("The token.", valueName: "btok_…"))
    var token: String

    @OptionGroup var owner: CustomerOption
    @OptionGroup var metadata: MetadataOptions
    @OptionGroup var options: StripeOptions

    func run() async throws {
        let pairs = try metadata.pairs()
        try await options.run("add a bank account") { client in
            let added = try await client.addBank(
                token: token, toCustomer: owner.customer, metadata: pairs, idempotencyKey: options.key)
            return StripeReply([
                ("bank_account", .text(added.value.id)), ("bank", .text(added.value.bankName)),
                ("last_digits", .text(added.value.lastDigits)), ("status", .text(added.value.status)),
                ("request", .text(added.requestID)),
            ])
        }
    }
}
