/// The gaps in the text of an invoice, by what they hold.
enum InvoiceSlot: Sendable {
    case word(Word)
    case amount(Amount)
    case time(Time)
    case flag(Flag)
    case block(Block)

    init?(name: String) {
        if let word = Word(rawValue: name) {
            self = .word(word)
        } else if let amount = Amount(rawValue: name) {
            self = .amount(amount)
        } else if let time = Time(rawValue: name) {
            self = .time(time)
        } else if let flag = Flag(rawValue: name) {
            self = .flag(flag)
        } else if let block = Block(rawValue: name) {
            self = .block(block)
        } else {
            return nil
        }
    }

    enum Word: String, Sendable {
        case id, currency, charge, customer, description, footer, number, status, subscription
        case accountName = "account_name"
        case billingReason = "billing_reason"
        case collectionMethod = "collection_method"
        case customerEmail = "customer_email"
        case customerName = "customer_name"
        case customerPhone = "customer_phone"
        case hostedInvoiceURL = "hosted_invoice_url"
        case invoicePDF = "invoice_pdf"
        case paymentIntent = "payment_intent"
        case receiptNumber = "receipt_number"
    }

    enum Amount: String, Sendable {
        case subtotal, tax, total
        case amountDue = "amount_due"
        case amountPaid = "amount_paid"
        case amountRemaining = "amount_remaining"
        case attemptCount = "attempt_count"
        case endingBalance = "ending_balance"
        case lineCount = "line_count"
        case postPaymentCredit = "post_payment_credit"
        case prePaymentCredit = "pre_payment_credit"
    }

    enum Time: String, Sendable {
        case created
        case automaticallyFinalizesAt = "automatically_finalizes_at"
        case dueDate = "due_date"
        case finalizedAt = "finalized_at"
        case nextPaymentAttempt = "next_payment_attempt"
        case paidAt = "paid_at"
        case periodEnd = "period_end"
        case periodStart = "period_start"
        case uncollectibleAt = "uncollectible_at"
        case voidedAt = "voided_at"
        case webhooksDeliveredAt = "webhooks_delivered_at"
    }

    enum Flag: String, Sendable {
        case attempted, livemode, paid
        case autoAdvance = "auto_advance"
        case linesMore = "lines_more"
        case paidOutOfBand = "paid_out_of_band"
    }

    enum Block: String, Sendable {
        case lines, metadata, parent, payments, rendering
        case customFields = "custom_fields"
        case customerAddress = "customer_address"
        case paymentMethodOptions = "payment_method_options"
        case paymentMethodTypes = "payment_method_types"
        case subscriptionMetadata = "subscription_metadata"
        case totalTaxAmounts = "total_tax_amounts"
    }
}

/// The gaps in the text of an invoice line.
enum LineSlot: String, Sendable {
    case id, amount, created, currency, description, invoice, livemode, metadata, price, product, quantity, subscription
    case invoiceItem = "invoice_item"
    case periodEnd = "period_end"
    case periodStart = "period_start"
    case subscriptionItem = "subscription_item"
    case taxAmounts = "tax_amounts"
    case taxRates = "tax_rates"
    case unitAmount = "unit_amount"
}
