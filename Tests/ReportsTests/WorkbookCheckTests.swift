import Foundation
import Reports
import Testing

/// libxlsxwriter does not look at the results of its writes to temporary files; these damages are what a full disk
/// leaves behind.
@Suite("Checking a workbook")
struct WorkbookCheckTests {
    /// A workbook and the bytes of rows of each of its sheets, as they stand in it.
    static func sound(_ scratch: Scratch) throws -> [Int64] {
        try scratch.write(try OneItem.report(), [.xlsx])
        let sizes = try Scratch.output([
            "python3", "-c",
            """
            import re,sys,zipfile
            z = zipfile.ZipFile(sys.argv[1])
            for n in range(1, 14):
                d = z.read('xl/worksheets/sheet%d.xml' % n)
                m = re.search(rb'<sheetData>(.*)</sheetData>', d, re.S)
                print(len(m.group(1)) if m else 0)
            """, scratch.path + "/report.xlsx",
        ])
        return sizes.split(separator: "\n").compactMap { Int64($0) }
    }

    @Test("a whole workbook is whole")
    func whole() throws {
        let scratch = try Scratch()
        let rows = try Self.sound(scratch)
        #expect(rows.count == 13)
        #expect(WorkbookCheck.fault(path: scratch.path + "/report.xlsx", rowBytes: rows) == nil)
        #expect(WorkbookCheck.fault(path: scratch.path + "/none.xlsx", rowBytes: rows) == "it cannot be read")
        #expect(WorkbookCheck.fault(path: scratch.path + "/report.xlsx", rowBytes: []) == "rows are missing")
    }

    @Test(
        "what a full disk does to it is seen",
        arguments: [
            // A block lost between two cells; inside a tag; the end of a sheet; an empty part; a text cut short.
            ("sheet3", "re.sub(rb'<c r=\"D2\".*?</c>', b'', d)"),
            ("sheet3", "(lambda i: d[:i + 200] + d[i + 210:])(d.find(b'<sheetData>'))"), ("sheet3", "d[:-12]"),
            ("sheet2", "b''"),
            ("sheet3", "d.replace(b'Paid, not granted.', b'Paid')"),
        ])
    func damaged(_ sheet: String, _ damage: String) throws {
        let scratch = try Scratch()
        let rows = try Self.sound(scratch)
        _ = try Scratch.output([
            "python3", "-c",
            """
            import re,sys,zipfile
            old = zipfile.ZipFile(sys.argv[1])
            new = zipfile.ZipFile(sys.argv[2], 'w', zipfile.ZIP_DEFLATED)
            for name in old.namelist():
                d = old.read(name)
                if name == 'xl/worksheets/\(sheet).xml': d = \(damage)
                new.writestr(name, d)
            new.close()
            """, scratch.path + "/report.xlsx", scratch.path + "/bad.xlsx",
        ])
        #expect(WorkbookCheck.fault(path: scratch.path + "/bad.xlsx", rowBytes: rows) != nil)
    }

    @Test("a file that ends early, or is damaged in the middle, is seen", arguments: [0.0, 0.3, 0.99])
    func cut(_ share: Double) throws {
        let scratch = try Scratch()
        let rows = try Self.sound(scratch)
        let data = try Data(contentsOf: URL(fileURLWithPath: scratch.path + "/report.xlsx"))
        let path = scratch.path + "/bad.xlsx"
        try data.prefix(Int(Double(data.count) * share)).write(to: URL(fileURLWithPath: path))
        #expect(WorkbookCheck.fault(path: path, rowBytes: rows) == "its directory is broken")
        var flipped = data
        flipped[data.count / 3] ^= 0x55
        try flipped.write(to: URL(fileURLWithPath: path))
        #expect(WorkbookCheck.fault(path: path, rowBytes: rows) != nil)
    }
}
