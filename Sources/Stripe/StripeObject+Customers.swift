internal import CSimdjson

extension Customer: ListedObject {
    static var kind: trueup_kind { TRUEUP_KIND_CUSTOMER }
    static func id(_ row: trueup_customer) -> trueup_text { row.id }
    static func createdSeconds(_ row: trueup_customer) -> Int64 { row.created.value }
    static func livemode(_ row: trueup_customer) -> Bool? { row.livemode.isTrue }

    init(_ row: trueup_customer) {
        self.init(
            id: row.id.text, createdSeconds: row.created.value, livemode: row.livemode.isTrue,
            name: row.name.optional, email: row.email.optional, description: row.description.optional,
            defaultPaymentMethod: row.default_payment_method.optional, defaultSource: row.default_source.optional)
    }
}

extension SetupIntent: ListedObject {
    static var kind: trueup_kind { TRUEUP_KIND_SETUP_INTENT }
    static func id(_ row: trueup_setup_intent) -> trueup_text { row.id }
    static func createdSeconds(_ row: trueup_setup_intent) -> Int64 { row.created.value }
    static func livemode(_ row: trueup_setup_intent) -> Bool? { row.livemode.isTrue }

    init(_ row: trueup_setup_intent) {
        self.init(
            id: row.id.text, createdSeconds: row.created.value, livemode: row.livemode.isTrue,
            status: row.status.text, customer: row.customer.optional, paymentMethod: row.payment_method.optional,
            clientSecret: row.client_secret.optional, description: row.description.optional,
            lastError: row.last_error_message.optional ?? row.last_error_code.optional)
    }
}

extension PaymentMethod: ListedObject {
    static var kind: trueup_kind { TRUEUP_KIND_PAYMENT_METHOD }
    static func id(_ row: trueup_payment_method) -> trueup_text { row.id }
    static func createdSeconds(_ row: trueup_payment_method) -> Int64 { row.created.value }
    static func livemode(_ row: trueup_payment_method) -> Bool? { row.livemode.isTrue }
    /// It says when the method was made, the list when it was attached.
    static var isListedNewestFirst: Bool { false }

    init(_ row: trueup_payment_method) {
        self.init(
            id: row.id.text, createdSeconds: row.created.value, livemode: row.livemode.isTrue, type: row.type.text,
            customer: row.customer.optional, cardBrand: row.card_brand.optional, cardMonth: row.card_month.optional,
            cardYear: row.card_year.optional, bankName: row.bank_name.optional,
            lastDigits: row.card_last4.optional ?? row.bank_last4.optional)
    }
}

/// The key vouches for its account and mode: it says neither when it was made nor in which mode.
extension BankAccount: ListedObject {
    static var kind: trueup_kind { TRUEUP_KIND_BANK_ACCOUNT }
    static func id(_ row: trueup_bank_account) -> trueup_text { row.id }
    static func createdSeconds(_ row: trueup_bank_account) -> Int64 { 0 }
    static func livemode(_ row: trueup_bank_account) -> Bool? { nil }

    init(_ row: trueup_bank_account) {
        self.init(
            id: row.id.text, customer: row.customer.optional, bankName: row.bank_name.optional,
            lastDigits: row.last4.optional, status: row.status.text)
    }
}
