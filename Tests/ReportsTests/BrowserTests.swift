import Foundation
import Reports
import Testing

/// The page in a real browser, where one is installed.
@Suite("Browser", .serialized, .enabled(if: Browser.isInstalled))
struct BrowserTests {
    /// The document after its scripts have run.
    static func dom(_ scratch: Scratch, _ file: String, _ flags: [String] = []) throws -> String {
        try Scratch.output(
            [
                "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000",
                "--user-data-dir=\(scratch.path)/profile", "--dump-dom",
            ] + flags + ["file://\(scratch.path)/\(file)"])
    }

    /// The page with a script of the test's own behind it, which the page's policy would not let run.
    static func run(_ scratch: Scratch, _ script: String) throws -> String {
        var page = try scratch.text("report.html")
        let start = try #require(page.range(of: "<meta http-equiv"))
        let end = try #require(page.range(of: ">", range: start.upperBound..<page.endIndex))
        page.removeSubrange(start.lowerBound..<end.upperBound)
        page = page.replacingOccurrences(
            of: "</body>", with: "<script>\(script);document.title='RESULT '+result</script></body>")
        try page.write(toFile: scratch.path + "/probe.html", atomically: true, encoding: .utf8)
        let dom = try dom(scratch, "probe.html")
        let from = try #require(dom.range(of: "<title>RESULT "))
        let to = try #require(dom.range(of: "</title>", range: from.upperBound..<dom.endIndex))
        return String(dom[from.upperBound..<to.lowerBound])
    }

    @Test("under its own policy the script runs, and the folded tables are there")
    func policy() throws {
        let scratch = try Scratch()
        try scratch.write(try SampleReport().make(), [.html])
        let dom = try Self.dom(scratch, "report.html")
        #expect(dom.contains("Filter open items"))
        #expect(dom.contains("class=\"sort\""))
    }

    @Test("without script the page has every item, and no control that would do nothing")
    func withoutScript() throws {
        let scratch = try Scratch()
        let report = try SampleReport().make()
        try scratch.write(report, [.html])
        let page = try scratch.text("report.html")
        let bare = page.replacingOccurrences(
            of: "<script>[\\s\\S]*</script>", with: "", options: .regularExpression)
        try bare.write(toFile: scratch.path + "/bare.html", atomically: true, encoding: .utf8)
        let dom = try Self.dom(scratch, "bare.html")
        for item in report.items { #expect(dom.contains(item.item.id)) }
        #expect(!dom.contains("<input") && !dom.contains("<button"))
    }

    @Test("a click on a heading sorts its group by number, another one the other way")
    func sorting() throws {
        let scratch = try Scratch()
        var sample = SampleReport()
        sample.items = 300
        try scratch.write(try sample.make(), [.html])
        let result = try Self.run(
            scratch,
            """
            const group = [...document.querySelectorAll('details.kind')]
              .find(d => d.querySelectorAll('tbody tr').length > 9);
            const values = () => [...group.querySelectorAll('tbody tr')]
              .map(r => Number(r.cells[4].textContent.replace(/[^0-9.-]/g, '')));
            const head = group.querySelectorAll('thead th')[4];
            head.firstChild.click();
            const up = values();
            head.firstChild.click();
            const down = values();
            const sorted = (v, s) => v.every((x, i) => i === 0 || (v[i - 1] - x) * s <= 0);
            const result = [sorted(up, 1), sorted(down, -1), up.length === down.length, head.getAttribute('aria-sort'),
              new Set(up).size > 1].join()
            """)
        #expect(result == "true,true,true,descending,true")
    }

    @Test("the whole cell of a heading sorts, keys sort by the words in it, and sums stay where they are")
    func wholeCell() throws {
        let scratch = try Scratch()
        try scratch.write(try RenderTests.rich(), [.html])
        let result = try Self.run(
            scratch,
            """
            const table = document.querySelector('table.charges');
            const head = [...table.tHead.rows[0].cells].find(h => h.textContent === 'Difference');
            const body = table.tBodies[table.tBodies.length - 1];
            const totals = () => table.tBodies[0].textContent;
            const [before, states] = [totals(), []];
            const state = () => states.push(head.getAttribute('aria-sort'));
            head.scrollIntoView({ block: 'center', inline: 'center' });
            // In the cell and beside its words.
            const words = head.querySelector('.sort').getBoundingClientRect();
            const cell = head.getBoundingClientRect();
            const x = words.left - cell.left > cell.right - words.right
              ? (cell.left + words.left) / 2 : (words.right + cell.right) / 2;
            const click = () => document.elementFromPoint(x, (cell.top + cell.bottom) / 2).click();
            click(); state(); click(); state();
            const key = new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true });
            head.querySelector('.sort').dispatchEvent(key); state();
            const result = [states.join(), table.tBodies.length, totals() === before && before.includes('Total, '),
              getComputedStyle(head).cursor, body.rows.length > 0].join()
            """)
        #expect(result == "ascending,descending,ascending,2,true,pointer,true")
    }

    @Test("the filter shows what matches, unfolds it, and counts it")
    func filtering() throws {
        let scratch = try Scratch()
        var sample = SampleReport()
        sample.items = 300
        try scratch.write(try sample.make(), [.html])
        let script = """
            const input = document.querySelector('#open_items input');
            input.value = 'F-10017';
            input.dispatchEvent(new Event('input'));
            let result = 'pending';
            setTimeout(() => {
              const shown = [...document.querySelectorAll('#open_items tbody tr')].filter(r => !r.hidden);
              const open = shown.every(r => { const d = r.closest('details'); return d.open && !d.hidden; });
              result = [shown.length, open, document.querySelector('#open_items output').textContent].join();
              document.title = 'RESULT ' + result;
            }, 600)
            """
        #expect(try Self.run(scratch, script) == "1,true,1 of 300 items")
    }

    @Test("nothing is wider than a phone")
    func phone() throws {
        let scratch = try Scratch()
        try scratch.write(try SampleReport().make(), [.html])
        // A frame of a phone's width around the page; the window itself cannot be that narrow.
        let frame = """
            <!doctype html><body style="margin:0">
            <iframe id=f src="probe2.html" style="width:390px;height:900px;border:0">
            </iframe><script>setTimeout(()=>{const d=f.contentDocument.documentElement;
            document.title='RESULT '+(d.scrollWidth<=390)},1500)</script>
            """
        var page = try scratch.text("report.html")
        page = page.replacingOccurrences(
            of: "<meta http-equiv[^>]*>", with: "", options: .regularExpression)
        try page.write(toFile: scratch.path + "/probe2.html", atomically: true, encoding: .utf8)
        try frame.write(toFile: scratch.path + "/frame.html", atomically: true, encoding: .utf8)
        let dom = try Self.dom(scratch, "frame.html", ["--allow-file-access-from-files"])
        #expect(dom.contains("RESULT true"))
    }
}

enum Browser {
    static let isInstalled = FileManager.default.isExecutableFile(atPath: "/usr/bin/chromium")
}
