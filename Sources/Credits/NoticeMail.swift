import PostgreSQL
import Reconciliation

/// A finalized invoice, as far as a notice speaks of it.
public struct FinalizedInvoice: Sendable, Hashable {
    /// The account's name in the settings.
    public var account: String
    public var id: String
    /// The number that the customer sees; `nil` where Stripe gave none.
    public var number: String?
    /// What is asked for, in minor units of `currency`.
    public var amountDue: Int64
    /// ISO 4217.
    public var currency: String
    public var dueSeconds: Int64?
    /// Where it can be looked at and paid (https://docs.stripe.com/invoicing/hosted-invoice-page).
    public var hostedURL: String?
    public var customer: String?
    /// It is paid already: the mail says so and asks for nothing.
    public var isPaid: Bool

    public init(
        account: String, id: String, number: String?, amountDue: Int64, currency: String, dueSeconds: Int64?,
        hostedURL: String?, customer: String?, isPaid: Bool = false
    ) {
        self.isPaid = isPaid
        self.account = account
        self.id = id
        self.number = number
        self.amountDue = amountDue
        self.currency = currency
        self.dueSeconds = dueSeconds
        self.hostedURL = hostedURL
        self.customer = customer
    }
}

/// The mail that tells an agency of an invoice, as text and as HTML that says the same.
struct NoticeMail: Sendable {
    let subject: String
    let text: String
    let html: String

    /// Longer names are cut: a mail is no place for them.
    private static let nameMax = 200

    init(_ invoice: FinalizedInvoice, agencyName: String?) {
        let number = invoice.number.flatMap { $0.isEmpty ? nil : $0 } ?? invoice.id
        let amount = Money(minorUnits: invoice.amountDue, currency: invoice.currency).description
        let name = agencyName.map(Self.oneLine).flatMap { $0.isEmpty ? nil : $0 }
        // Stripe's times are instants; the day is the one in UTC, and says so.
        let due = invoice.dueSeconds.map { String(Timestamp(seconds: $0).description.prefix(10)) }
        let greeting = name.map { "Dear \($0)," } ?? "Hello,"
        let sentence =
            invoice.isPaid
            ? "Invoice \(number) over \(amount) has been issued and is paid; nothing is left to do."
            : "Invoice \(number) over \(amount) has been issued" + (due.map { " and is due on \($0) (UTC)" } ?? "")
                + "."
        let link = invoice.hostedURL.flatMap { Self.isWebAddress($0) ? $0 : nil }
        subject = "Invoice \(number): \(amount)" + (invoice.isPaid ? ", paid" : due.map { ", due on \($0)" } ?? "")
        let invitation = invoice.isPaid ? "You can look at it here" : "You can look at it and pay it here"
        text =
            "\(greeting)\n\n\(sentence)\n" + (link.map { "\n\(invitation):\n\($0)\n" } ?? "")
            + "\nThis message was sent automatically.\n"
        let anchor = link.map {
            let words = invoice.isPaid ? "Look at the invoice" : "Look at the invoice and pay it"
            return "<p><a href=\"\(Self.escaped($0))\">\(words)</a></p>\n"
        }
        html =
            "<!DOCTYPE html>\n<html lang=\"en\"><body>\n<p>\(Self.escaped(greeting))</p>\n"
            + "<p>\(Self.escaped(sentence))</p>\n\(anchor ?? "")<p>This message was sent automatically.</p>\n"
            + "</body></html>\n"
    }

    /// A name may hold anything; in a mail it is one line of printable text.
    private static func oneLine(_ name: String) -> String {
        let scalars = name.unicodeScalars.prefix(nameMax).map { $0.isUnseen ? " " : $0 }
        var line = String(String.UnicodeScalarView(scalars))
        while line.first == " " { line.removeFirst() }
        while line.last == " " { line.removeLast() }
        return line
    }

    /// Only an https address of plain characters becomes a link.
    private static func isWebAddress(_ text: String) -> Bool {
        text.hasPrefix("https://") && text.utf8.count <= 2_000
            && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"\"<>\\^`{|}".utf8.contains($0) }
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;").replacing("'", with: "&#39;")
    }
}
