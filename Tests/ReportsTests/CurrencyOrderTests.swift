import Foundation
import Reconciliation
import Reports
import Testing

@Suite("Amounts of several currencies are not compared")
struct CurrencyOrderTests {
    /// Agencies' charges with differences whose bare numbers say nothing: three lines in USD, two in EUR, one in each
    /// of two currencies without cents and with three decimals.
    private static let differences: [(String, Int64)] = [
        ("kwd", 50_005), ("usd", 49_900), ("jpy", 5_000), ("usd", 11_999), ("eur", 110_900), ("usd", -4_900),
        ("eur", 91_100),
    ]
    /// The agencies in the one order: by currency, and in each by size.
    private static let ranked = ["2", "4", "6", "5", "7", "3", "1"]

    private static func report(
        _ differences: [(String, Int64)] = differences, items: [(String, Int64)] = []
    ) throws -> DiscrepancyReport {
        var report = try OneItem.report()
        report.items = items.enumerated().map { index, amount in
            var item = report.items[0]
            item.item.id = "F-\(index + 1)"
            item.stripeAmount = Money(minorUnits: amount.1, currency: amount.0)
            item.localAmount = nil
            return item
        }
        report.statement = try Statement(
            StatementInput(
                cutOff: report.statement.cutOff,
                charges: differences.enumerated().map { index, difference in
                    ChargeActivity(
                        agencyID: Int64(index + 1), name: "Agency \(index + 1)", currency: difference.0,
                        charged: Tally(count: 1, amount: 1_000_000),
                        recorded: Tally(count: 1, amount: 1_000_000 + difference.1))
                },
                items: report.items.map(\.item), reads: [StatementRead(name: "Stripe", isComplete: true)]))
        return report
    }

    /// What stands between two marks, every time.
    private static func between(_ start: String, _ end: String, _ text: String) -> [String] {
        text.components(separatedBy: start).dropFirst().map { $0.components(separatedBy: end)[0] }
    }

    @Test("what is out of balance stands by currency and then by size; the caption says so; sums have the same order")
    func charges() throws {
        let scratch = try Scratch()
        try scratch.write(try Self.report(), [.html, .csv])
        let page = try scratch.text("report.html")
        let section = try #require(Self.between("<section id=\"charges\">", "</section>", page).first)
        #expect(Self.between("<td class=\"id\">", "<td>", section).map(\.trimmed) == Self.ranked)
        #expect(
            section.contains("What is out of balance: USD, then EUR, then JPY, then KWD, in each the largest"),
            "\(section.prefix(600))")
        let sums = try #require(Self.between("<tbody class=\"totals\">", "</tbody>", section).first)
        let order = ["USD", "EUR", "JPY", "KWD"]
        #expect(Self.between("lines<td>", "<td", sums) + Self.between("line<td>", "<td", sums) == order)
        // The cards of the first screen and the rows of the summary as well.
        #expect(Self.between("<h2>Charges, ", " <small>", page) == order)
        let rows = try scratch.text("csv/summary.csv").components(separatedBy: "\r\n")
        let charged = rows.filter { $0.contains("Charged by Stripe") }.map { String($0.prefix(12)) }
        #expect(charged == order.map { "Charges (\($0)" })
        // Of one currency nothing is said of an order.
        let one = try Scratch()
        try one.write(try Self.report([("usd", 5), ("usd", 9)]), [.html])
        #expect(try one.text("report.html").contains("What is out of balance, the largest difference first."))
    }

    @Test("agencies with something unexplained stand by currency and then by size, not by their names")
    func unexplained() throws {
        let lines = ReportVerdict.unexplained(try Self.report().statement)
        let numbers = lines.map { Self.between("(", ")", $0).first ?? "" }
        #expect(numbers == Self.ranked, "\(lines)")
        // More than are named: those named are the largest.
        let many = ReportVerdict.unexplained(try Self.report((1...12).map { ("usd", Int64($0)) }).statement)
        let named = many.dropLast().map { Self.between("(", ")", $0).first ?? "" }
        #expect(named == ["12", "11", "10", "9", "8", "7", "6", "5"], "\(many)")
        #expect(many.last == "and 4 more, in the statement's lines")
        let notices = ReportVerdict.notices(try Self.report((1...12).map { ("usd", Int64($0)) }), namedMax: 2)
        #expect(notices.count == 3 && notices[0].hasPrefix("Agency 12 (12)"), "\(notices)")
    }

    @Test("the largest items of a message are those of most credits, then of money by currency and size")
    func differences() throws {
        var report = try Self.report()
        let moves: [(Int64, String?, Int64)] = [
            (0, "jpy", 5_000), (0, "usd", 4_900), (-7, "jpy", 1), (0, nil, 0), (0, "usd", 11_999), (9, nil, 0),
        ]
        report.items = try moves.enumerated().map { index, move in
            var item = try OneItem.report().items[0]
            item.item = StatementItem(
                id: "F-\(index + 1)", agencyID: 1, kind: .missedPaid, creditsEffect: move.0,
                amountEffects: move.1.map { [Money(minorUnits: move.2, currency: $0)] } ?? [], sinceSeconds: 1)
            return item
        }
        #expect(report.differences.map(\.item.id) == ["F-6", "F-3", "F-5", "F-2", "F-1", "F-4"])
    }

    @Test("folds say of how many lines they are, and of which currencies")
    func folds() throws {
        let scratch = try Scratch()
        let differences = (1...526).map { ($0 <= 20 ? "eur" : "usd", Int64($0)) }
        try scratch.write(try Self.report(differences), [.html])
        let page = try scratch.text("report.html")
        #expect(page.contains("<summary>more out of balance 1–500 of 501: USD, EUR</summary>"))
        #expect(page.contains("<summary>more out of balance 501 of 501: EUR</summary>"))
    }

    @Test("how many agencies are out counts those whose money alone differs, and their line says by how much")
    func moneyAlone() throws {
        let effect = [Money(minorUnits: 150_000, currency: "jpy")]
        var item = try OneItem.report().items[0]
        item.item = StatementItem(
            id: "F-1", agencyID: 1, kind: .amountMismatch, amountEffects: effect, sinceSeconds: 1_772_900_000)
        func agency(_ id: Int64, recorded: Int64, jpy: Int64) -> AgencyActivity {
            AgencyActivity(
                agencyID: id, name: "A", boughtAtStripe: 10, boughtLocally: 10, consumed: 0, recorded: recorded,
                purchases: [PurchaseTotals(currency: "jpy", atStripe: 100, locally: 100 + jpy)])
        }
        var report = try OneItem.report()
        report.items = [item]
        report.statement = try Statement(
            StatementInput(
                cutOff: report.statement.cutOff,
                agencies: [
                    agency(1, recorded: 10, jpy: 150_000), agency(2, recorded: 3, jpy: 0),
                    agency(3, recorded: 10, jpy: 0),
                ], items: [item.item], reads: [StatementRead(name: "Stripe", isComplete: true)]))
        let line = ReportVerdict.line(report.statement)
        #expect(line == "OUT BY -7.00 credits (150,000 JPY) · 2 of 3 agencies · unexplained -7.00", "\(line)")
        let scratch = try Scratch()
        try scratch.write(report, [.html, .csv])
        #expect(try scratch.text("csv/statement.csv").contains("EXPLAINED, money out by 150,000 JPY"))
        let page = try scratch.text("report.html")
        #expect(page.contains("What is out of balance, the largest difference first; then what is out in money alone."))
        let open = try #require(Self.between("data-set=\"out\">", "</table>", page).first)
        #expect(Self.between("<td class=\"id\">", "<td>", open).map(\.trimmed) == ["2", "1"], "\(open)")
    }

    @Test("a click on a heading of amounts sorts within each currency", .enabled(if: Browser.isInstalled))
    func sorting() throws {
        let scratch = try Scratch()
        let items: [(String, Int64)] = [("jpy", 900), ("usd", 1_000), ("jpy", 7), ("usd", 500), ("kwd", 600)]
        try scratch.write(try Self.report(items: items), [.html])
        let result = try BrowserTests.run(
            scratch,
            """
            const sorted = (table, title, cell) => {
              const head = [...table.tHead.rows[0].cells].find(h => h.textContent === title);
              const body = table.tBodies[table.tBodies.length - 1];
              const rows = () => [...body.rows].map(r => r.cells[cell].firstChild.textContent.trim()).join(' ');
              head.click();
              const up = rows();
              head.click();
              return up + ' | ' + rows();
            };
            const result = sorted(document.querySelector('table.charges'), 'Difference', 0) + ' / '
              + sorted(document.querySelector('#open_items table'), 'Stripe amount', 4);
            """)
        #expect(
            result == "6 4 2 7 5 3 1 | 2 4 6 5 7 3 1 / $5.00 $10.00 7 JPY 900 JPY 0.600 KWD | "
                + "$10.00 $5.00 900 JPY 7 JPY 0.600 KWD")
    }
}

extension String {
    fileprivate var trimmed: String { trimmingCharacters(in: .whitespacesAndNewlines) }
}
