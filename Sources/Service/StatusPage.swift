import Runner

/// The status page as HTML: it needs no script, and everything in it that comes from data is escaped.
enum StatusPage {
    /// For a person without a token.
    static func login(message: String?) -> String {
        let note = message.map { "<p class=\"bad\" role=\"alert\">\(escaped($0))</p>\n" } ?? ""
        return page(
            "Trueup: sign in",
            """
            <h1>Trueup</h1>
            \(note)<form method="post" action="/login">
            <label for="token">Token</label>
            <input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
            <button type="submit">Sign in</button>
            </form>
            <p class="soft">A token with the right to see this page: <code>trueup token create NAME --status</code></p>
            """)
    }

    /// While the database cannot be read: half the truth would be none.
    static let unavailable = page(
        "Trueup: no database",
        """
        <header class="bad"><h1>The database cannot be read now</h1>
        <p class="soft">Webhooks are answered 503 meanwhile, and Stripe sends them again. The log says why; ask again
        in a moment.</p></header>
        """)

    /// Jobs, findings and what waits.
    static func make(_ status: StatusFigures) -> String {
        page(
            "Trueup: status",
            [headline(status), jobs(status), findings(status), refused(status), unmailed(status), waiting(status)]
                .joined())
    }

    private static func headline(_ status: StatusFigures) -> String {
        let bad = status.jobs.filter { $0.health.mark == .bad }
        let open = status.open.map(\.count).reduce(0, +)
        let verdict: (word: String, mark: String) =
            if !bad.isEmpty {
                ("\(bad.map(\.name).joined(separator: ", ")): \(bad[0].health.word)", "bad")
            } else if open > 0 {
                (open == 1 ? "1 difference is open" : "\(open) differences are open", "warning")
            } else if status.jobs.isEmpty {
                ("There are no jobs", "warning")
            } else if let job = status.jobs.first(where: { $0.health.state == .waiting }) {
                ("\(job.name): \(job.health.word)", "warning")
            } else if status.jobs.allSatisfy({ $0.last == nil }) {
                // Nothing is open where nobody has looked, and that is no praise.
                ("No job has run yet", "warning")
            } else if status.stored.refusedCount > 0 {
                (refusedWords(status.stored.refusedCount), "warning")
            } else {
                ("Nothing is open", "good")
            }
        let never = status.jobs.filter { $0.last == nil }.map(\.name)
        let unknown =
            switch never.count {
            case 0, status.jobs.count: ""
            case 1...3: "; never ran: \(never.joined(separator: ", "))"
            default: "; \(never.count) of \(status.jobs.count) jobs never ran"
            }
        let lag =
            if status.lagSeconds > 0 {
                "behind schedule by \(Age.words(status.lagSeconds))"
            } else {
                status.isScheduled ? "no job is behind its schedule" : "no scheduler has taken up the jobs"
            }
        return """
            <header class="\(verdict.mark)"><h1>\(escaped(verdict.word))</h1>
            <p class="soft">As of \(escaped(status.now)); \(escaped(lag + unknown)).</p></header>

            """
    }

    private static func refusedWords(_ count: Int64) -> String {
        count == 1 ? "1 webhook needs a person" : "\(count) webhooks need a person"
    }

    private static func jobs(_ status: StatusFigures) -> String {
        let rows = status.jobs.map { job in
            let last = job.last.map { last in
                "\(badge(last.state, mark(last.state))) <small>\(escaped(job.lastAt ?? ""))"
                    + (last.name.map { ", \($0)" } ?? "") + "</small>"
            }
            return """
                <tr><th scope="row">\(escaped(job.name))<small>\(escaped(job.description))</small></th>
                <td data-label="Schedule">\(escaped(job.schedule))</td>
                <td data-label="Next" class="time">\(job.next.map(escaped) ?? "–")</td>
                <td data-label="Last run">\(last ?? "–")</td>
                <td data-label="Health">\(badge(job.health.word, job.health.mark.rawValue))</td></tr>
                """
        }
        return table(
            "Jobs", ["Job", "Schedule", "Next", "Last run", "Health"], rows, empty: "There are no jobs.",
            look: " class=\"cards\"")
    }

    private static func findings(_ status: StatusFigures) -> String {
        let rows = status.open.map { finding in
            let counts = [finding.young, finding.middle, finding.old].map { "<td class=\"number\">\($0)</td>" }
            return "<tr><th scope=\"row\">\(escaped(finding.kind))</th><td>\(escaped(finding.account))</td>"
                + counts.joined() + "<td>\(Age.words(finding.oldestSeconds))</td></tr>"
        }
        let information = status.information
        return table(
            "Open findings", ["Kind", "Account", "Under a day", "Under a week", "Older", "Oldest"], rows,
            empty: "No difference is open.")
            + (information > 0 ? "<p class=\"soft\">and \(information) for information</p>\n" : "")
    }

    /// Nothing where there are none: they are rare.
    private static func refused(_ status: StatusFigures) -> String {
        guard !status.stored.refused.isEmpty else { return "" }
        let rows = status.stored.refused.map { refusal in
            """
            <tr><th scope="row">\(escaped(refusal.type))<small>\(escaped(refusal.account))</small></th>
            <td>\(escaped(refusal.objectID))</td><td>\(escaped(refusal.reason))</td>
            <td class="number">\(refusal.deliveries)</td><td>\(Age.words(refusal.ageSeconds)) ago</td></tr>
            """
        }
        let rest = status.stored.refusedCount - Int64(rows.count)
        return table(
            "Webhooks that need a person", ["Event", "Object", "Why", "Tried", "First"], rows, empty: "")
            + (rest > 0 ? "<p class=\"soft\">and \(rest) more</p>\n" : "")
    }

    /// Nothing where there are none: they are rare.
    private static func unmailed(_ status: StatusFigures) -> String {
        let mails = status.stored.mails
        guard !mails.unmailed.isEmpty else { return "" }
        let rows = mails.unmailed.map { mail in
            """
            <tr><th scope="row">\(escaped(mail.invoiceID))<small>\(escaped(mail.account))</small></th>
            <td>\(badge(mail.state, mark(mail.state)))</td><td>\(escaped(mail.reason))</td>
            <td>\(Age.words(mail.ageSeconds)) ago</td></tr>
            """
        }
        let rest = mails.refused + mails.unknown - Int64(rows.count)
        return table("Invoices that need a person to be mailed", ["Invoice", "Mail", "Why", "When"], rows, empty: "")
            + (rest > 0 ? "<p class=\"soft\">and \(rest) more</p>\n" : "")
    }

    private static func waiting(_ status: StatusFigures) -> String {
        let age = status.stored.lastWebhookAgeSeconds.map { Age.words($0) + " ago" } ?? "none yet"
        return """
            <section><h2>Messages and webhooks</h2><dl>
            <dt>Messages that wait</dt><dd>\(status.stored.outboxQueued)</dd>
            <dt>Messages that need a person</dt><dd>\(status.stored.outboxUnsettled)</dd>
            <dt>Invoices that Stripe has yet to mail</dt><dd>\(status.stored.mails.waiting)</dd>
            <dt>Invoices that Stripe does not mail</dt><dd>\(status.stored.mails.refused)</dd>
            <dt>Invoices that Stripe may have mailed</dt><dd>\(status.stored.mails.unknown)</dd>
            <dt>Last new webhook</dt><dd>\(escaped(age))</dd>
            </dl></section>
            <form method="post" action="/logout"><button class="plain" type="submit">Sign out</button></form>

            """
    }

    private static func table(_ title: String, _ heads: [String], _ rows: [String], empty: String, look: String = "")
        -> String
    {
        guard !rows.isEmpty else { return "<section><h2>\(title)</h2><p class=\"soft\">\(empty)</p></section>\n" }
        let numbers: Set = ["Under a day", "Under a week", "Older", "Tried"]
        let head = heads.map { word in
            "<th scope=\"col\"\(numbers.contains(word) ? " class=\"number\"" : "")>\(word)</th>"
        }.joined()
        return """
            <section><h2>\(title)</h2><div class="scroll"><table\(look)><thead><tr>\(head)</tr></thead>
            <tbody>\(rows.joined(separator: "\n"))</tbody></table></div></section>

            """
    }

    private static func mark(_ state: String) -> String {
        switch state {
        case "clean", "repaired", "done": "good"
        case "failed", "incomplete", "interrupted", "missed": "bad"
        default: "warning"
        }
    }

    private static func badge(_ word: String, _ mark: String) -> String {
        "<span class=\"badge \(mark)\">\(escaped(word))</span>"
    }

    private static func page(_ title: String, _ body: String) -> String {
        """
        <!DOCTYPE html>
        <html lang="en"><head><meta charset="utf-8"><title>\(title)</title>
        <meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" \
        content="light dark">
        <link rel="stylesheet" href="/status.css"><link rel="icon" href="data:,"></head>
        <body><main>
        \(body)</main></body></html>

        """
    }

    static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;").replacing("'", with: "&#39;")
    }

    /// The page's looks, light and dark.
    static let style = """
        :root{--ink:#1b2430;--soft:#5b6776;--line:#dfe4ea;--paper:#fff;--back:#f4f6f8;--blue:#1f5faa;
        --good:#1b6b43;--warning:#8a4b00;--bad:#a8201a;--good-bg:#e3f3ea;--warning-bg:#fcf0dc;--bad-bg:#fbe8e6}
        @media(prefers-color-scheme:dark){:root{--ink:#e6eaf0;--soft:#9aa7b6;--line:#2d3845;--paper:#18202a;
        --back:#10161d;--blue:#8dbcf2;--good:#7fd0a2;--warning:#f0bd72;--bad:#f29a92;--good-bg:#173427;
        --warning-bg:#3d2d14;--bad-bg:#43211f}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--back);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",
        Roboto,Arial,sans-serif;font-variant-numeric:tabular-nums}
        main{max-width:1200px;margin:0 auto;padding:28px 24px 48px}
        header,section{background:var(--paper);border:1px solid var(--line);border-radius:10px;padding:20px 24px;
        margin:0 0 16px}
        header{border-left:6px solid var(--soft)}
        header.good{border-left-color:var(--good)}header.warning{border-left-color:var(--warning)}
        header.bad{border-left-color:var(--bad)}
        h1{font-size:24px;line-height:1.3;margin:0 0 4px}h2{font-size:13px;color:var(--soft);margin:0 0 10px}
        p{margin:0}.soft,small{color:var(--soft)}small{display:block;font-size:12px;font-weight:400}
        .scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}
        th,td{text-align:left;vertical-align:top;padding:8px 16px 8px 0;border-top:1px solid var(--line)}
        thead th{font-size:12px;color:var(--soft);border-top:0}tbody th{font-weight:600}.number{text-align:right}
        .time,td small{white-space:nowrap}
        .badge{display:inline-block;border-radius:4px;padding:1px 8px;font-size:12px;font-weight:600;
        white-space:nowrap}
        .badge.good{background:var(--good-bg);color:var(--good)}
        .badge.warning{background:var(--warning-bg);color:var(--warning)}
        .badge.bad,p.bad{background:var(--bad-bg);color:var(--bad)}
        p.bad{padding:8px 12px;border-radius:6px;margin:0 0 12px}
        dl{display:grid;grid-template-columns:max-content 1fr;gap:6px 24px;margin:0}dt{color:var(--soft)}dd{margin:0}
        form{margin:16px 0}label{display:block;color:var(--soft);font-size:13px;margin-bottom:4px}
        input{font:inherit;width:100%;max-width:640px;padding:8px 10px;border:1px solid var(--line);border-radius:6px;
        background:var(--paper);color:var(--ink)}
        button{font:inherit;padding:8px 16px;border:1px solid var(--blue);border-radius:6px;background:var(--blue);
        color:var(--paper);cursor:pointer;margin-top:10px}
        button.plain{background:none;color:var(--blue)}
        code{font-size:13px}
        @media(max-width:640px){main{padding:16px 12px 32px}header,section{padding:16px}
        .cards thead{display:none}.cards tr{display:block;padding:10px 0;border-top:1px solid var(--line)}
        .cards tr:first-child{border-top:0;padding-top:0}
        .cards th,.cards td{display:block;border:0;padding:2px 0}
        .cards td{display:flex;gap:6px;align-items:baseline}.cards td small{display:inline}
        .cards td::before{content:attr(data-label) " ";color:var(--soft);font-size:12px;flex:0 0 72px}}

        """
}
