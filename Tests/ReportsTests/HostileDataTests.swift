import Foundation
import Reconciliation
import Reports
import Testing

@Suite("Hostile data")
struct HostileDataTests {
    static let formulas = [
        "=cmd|'/c calc'!A1", "+1+1", "-2+3", "@SUM(1)", "\t=1", "\r=1", "\n=1", "\u{0}=1", "＝1",
    ]

    @Test(
        "mail addresses lose their person, and nothing else is taken for one",
        arguments: [
            ("“dana.k@example.com” is no address", "“…@example.com” is no address"),
            ("a@b.c, <d@e.f>; x", "…@b.c, <…@e.f>; x"), ("no address at all", "no address at all"),
            ("at @ noon", "at @ noon"), ("@home and 7@", "@home and 7@"), ("דנה@example.com", "…@example.com"),
        ])
    func addresses(text: String, shown: String) {
        #expect(ReportText.withoutAddresses(text) == shown)
    }

    @Test("a text that looks like a formula is neutralised in CSV and is a text in a workbook", arguments: formulas)
    func neutralised(_ name: String) throws {
        let scratch = try Scratch()
        try scratch.write(try OneItem.report(agency: name, note: name), [.csv, .xlsx])
        let rows = CSVReader.rows(try scratch.text("csv/open-items.csv"))
        let column = try #require(rows[0].firstIndex(of: "note"))
        #expect(rows[1][column].hasPrefix("'"), "\(rows[1][column].debugDescription)")
        let sheet = try scratch.part("xl/worksheets/sheet3.xml")
        #expect(!sheet.contains("<f>"))
        #expect(sheet.contains("inlineStr"))
    }

    @Test(
        "negative numbers stay numbers, in every currency",
        arguments: [
            (Money(minorUnits: -140_000, currency: "usd"), "-1400.00", "-140000"),
            (Money(minorUnits: -1_000, currency: "jpy"), "-1000", "-1000"),
            (Money(minorUnits: -12_345, currency: "bhd"), "-12.345", "-12345"),
            (Money(minorUnits: -5, currency: "bhd"), "-0.005", "-5"),
            (Money(minorUnits: .min, currency: "usd"), "-92233720368547758.08", "-9223372036854775808"),
        ])
    func negative(_ amount: Money, _ plain: String, _ minor: String) throws {
        let scratch = try Scratch()
        try scratch.write(try OneItem.report(stripe: nil, local: amount), [.csv, .xlsx, .json])
        let rows = CSVReader.rows(try scratch.text("csv/open-items.csv"))
        let column = try #require(rows[0].firstIndex(of: "local_amount"))
        #expect(rows[0][column + 1] == "local_amount_minor")
        #expect(Array(rows[1][column...column + 1]) == [plain, minor])
        let json = try JSONText.object(try scratch.text("report.json"))
        let item = try #require((json["open_items"] as? [[String: Any]])?.first)
        #expect((item["local_amount"] as? [String: Any])?["amount"] as? String == plain)
        let sheet = try scratch.part("xl/worksheets/sheet3.xml")
        // 17 digits do not fit a spreadsheet's number: that one is a text.
        #expect(sheet.contains("<v>\(plain)</v>") == (amount.minorUnits != .min) || plain.hasSuffix(".00"))
    }

    @Test("HTML in a name stays a text")
    func html() throws {
        let scratch = try Scratch()
        let name = "</td><script>alert(1)</script><img src=x onerror=\"a('&')\">"
        try scratch.write(try OneItem.report(agency: name, note: name, id: name), [.html])
        let page = try scratch.text("report.html")
        #expect(!page.contains("<script>alert"))
        #expect(!page.contains("<img"))
        #expect(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"))
        #expect(page.components(separatedBy: "<script>").count == 2)
    }

    @Test("line ends do not break rows", arguments: ["a\r\nb", "a\nb,c\"d\"", "a\rb"])
    func lineEnds(_ note: String) throws {
        let scratch = try Scratch()
        try scratch.write(try OneItem.report(agency: note, note: note))
        let rows = CSVReader.rows(try scratch.text("csv/open-items.csv"))
        #expect(rows.count == 2)
        #expect(rows[0].count == rows[1].count)
        for line in ReportSummary.lines(try OneItem.report(agency: note)) {
            #expect(!line.unicodeScalars.contains { $0 == "\r" || $0 == "\n" })
        }
        let json = try JSONText.object(try scratch.text("report.json"))
        let item = try #require((json["open_items"] as? [[String: Any]])?.first)
        #expect(item["note"] as? String == note)
    }

    @Test(
        "marks that reorder text, escapes and NUL become visible",
        arguments: [
            "\u{202E}gro.evil", "a\u{2066}b", "a\u{0}b", "\u{1B}[31mred", "a\u{9B}31m",
        ])
    func hidden(_ name: String) throws {
        let scratch = try Scratch()
        try scratch.write(try OneItem.report(agency: name, note: name))
        let bad: Set<UInt32> = [0x202E, 0x2066, 0x1B, 0x9B, 0x0]
        for file in ["report.html", "summary.txt", "csv/open-items.csv", "report.json"] {
            let text = try scratch.text(file)
            #expect(!text.unicodeScalars.contains { bad.contains($0.value) }, "\(file)")
        }
        let sheet = try scratch.part("xl/worksheets/sheet3.xml")
        #expect(!sheet.unicodeScalars.contains { bad.contains($0.value) })
        #expect(sheet.contains("\u{FFFD}"))
        // JSON loses nothing: it escapes.
        let json = try JSONText.object(try scratch.text("report.json"))
        let item = try #require((json["open_items"] as? [[String: Any]])?.first)
        #expect(item["note"] as? String == name)
    }

    @Test("a name of 1 MB and a note of 40,000 characters are cut where they must be, and said to be")
    func long() throws {
        let scratch = try Scratch()
        let name = String(repeating: "é", count: 524_288)
        let note = String(repeating: "n", count: 40_000)
        try scratch.write(try OneItem.report(agency: name, note: note))
        let page = try scratch.text("report.html")
        #expect(page.utf8.count < 80_000)
        #expect(page.contains("[cut: 1048576 bytes in full]"))
        let sheet = try scratch.part("xl/worksheets/sheet3.xml")
        #expect(sheet.contains("[cut: 40000 bytes in full]"))
        #expect(try scratch.text("csv/open-items.csv").contains(note))
        #expect(try scratch.text("report.json").contains(note))
        #expect(try scratch.text("summary.txt").count < 4_000)
        let excel = try Scratch()
        try excel.write(try OneItem.report(note: note), [.csv], profile: .excel)
        let rows = CSVReader.rows(try excel.text("csv/open-items.csv"))
        #expect(rows[1].allSatisfy { $0.utf16.count <= 32_767 })
    }

    @Test("a workbook's cell is measured in UTF-16 units")
    func cell() {
        let wide = String(repeating: "😀", count: 20_000)
        #expect(ReportText.cell(wide).utf16.count <= 32_767)
        let fits = String(repeating: "a", count: 32_767)
        #expect(ReportText.cell(fits) == fits)
    }

    @Test("ids that look like numbers stay texts", arguments: ["007", "1e5", "12345678901234567890", "3"])
    func ids(_ id: String) throws {
        let scratch = try Scratch()
        try scratch.write(try OneItem.report(localRow: id), [.csv, .xlsx, .json], profile: .excel)
        let rows = CSVReader.rows(try scratch.text("csv/open-items.csv"))
        let column = try #require(rows[0].firstIndex(of: "local_row"))
        #expect(rows[1][column] == (id == "3" ? id : "'" + id))
        #expect(try scratch.part("xl/worksheets/sheet3.xml").contains("<t>\(id)</t>"))
        let json = try JSONText.object(try scratch.text("report.json"))
        let item = try #require((json["open_items"] as? [[String: Any]])?.first)
        #expect(item["local_row"] as? String == id)
    }

    @Test(
        "links are made from ids that look like ids, and from nothing else",
        arguments: [
            ("in_1A", "https://dashboard.stripe.com/acct_1/test/invoices/in_1A"),
            ("pi_3B", "https://dashboard.stripe.com/acct_1/test/payments/pi_3B"),
            ("in_1A\"onclick=x", nil), ("in_../../x", nil), ("javascript:alert(1)", nil), ("in_", nil), ("cus_1", nil),
            ("in_1é", nil), ("in_" + String(repeating: "a", count: 300), nil),
        ])
    func links(_ id: String, _ url: String?) throws {
        #expect(StripeLink.url(id, account: "acct_1", isLive: false) == url)
        let scratch = try Scratch()
        try scratch.write(try OneItem.report(invoice: id), [.html])
        let page = try scratch.text("report.html")
        #expect(page.components(separatedBy: "dashboard.stripe.com").count == (url == nil ? 1 : 2))
    }

    @Test("an account that is no account stays out of the address")
    func accounts() {
        let url = StripeLink.url("in_1", account: "acct_1/../evil", isLive: true)
        #expect(url == "https://dashboard.stripe.com/invoices/in_1")
    }

    @Test("times outside the calendar are left out, not invented", arguments: [Int64.min, .max, 0, 253_402_300_800])
    func times(_ seconds: Int64) throws {
        let scratch = try Scratch()
        let report = try OneItem.report(since: seconds)
        try scratch.write(report)
        let rows = CSVReader.rows(try scratch.text("csv/open-items.csv"))
        let column = try #require(rows[0].firstIndex(of: "paid_at"))
        #expect(rows[1][column] == (seconds == 0 ? "1970-01-01T00:00:00+00:00" : ""))
    }

    @Test("file names never come from data", arguments: ["../x", "a/b", ".hidden", "", "A", "x\u{0}", "é"])
    func fileNames(_ name: String) {
        #expect(throws: ReportError.badName(name)) { try OutputFolder.check(name) }
    }
}

/// RFC 4180, read strictly.
enum CSVReader {
    static func rows(_ text: String) -> [[String]] {
        var rows: [[String]] = []
        var row: [String] = []
        var field = String.UnicodeScalarView()
        var isQuoted = false
        var scalars = Array(text.unicodeScalars)[...]
        while let scalar = scalars.popFirst() {
            switch scalar {
            case "\"" where isQuoted && scalars.first == "\"":
                field.append("\"")
                scalars.removeFirst()
            case "\"": isQuoted.toggle()
            case ",", "\n":
                guard !isQuoted else {
                    field.append(scalar)
                    continue
                }
                if scalar == "\n", field.last == "\r" { field.removeLast() }
                row.append(String(field))
                field = String.UnicodeScalarView()
                if scalar == "\n" {
                    rows.append(row)
                    row = []
                }
            default: field.append(scalar)
            }
        }
        return rows
    }
}

enum JSONText {
    static func object(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }
}
