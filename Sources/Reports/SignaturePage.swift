import Foundation
import Reconciliation
import Schedule

/// Who signed a report, beside its files: `signatures.html`. The files stay as they were made and signed; the page is
/// made from what is kept of the signatures, and the same signatures are the same bytes.
public struct SignaturePage: Sendable, Hashable {
    public static let fileName = "signatures.html"

    /// One signature.
    public struct Signature: Sendable, Hashable {
        public var role: String
        /// As typed.
        public var person: String
        /// `user@host`, as the operating system said; empty where it was not noted.
        public var systemUser: String
        /// As the database said; likewise.
        public var databaseUser: String
        public var isSharedLogin: Bool
        public var note: String
        /// Why a report that is not whole was signed; empty for others.
        public var accepted: String
        /// Unix seconds.
        public var atSeconds: Int64
        public var manifestHash: String

        public init(
            role: String, person: String, systemUser: String, databaseUser: String, isSharedLogin: Bool, note: String,
            accepted: String, atSeconds: Int64, manifestHash: String
        ) {
            self.role = role
            self.person = person
            self.systemUser = systemUser
            self.databaseUser = databaseUser
            self.isSharedLogin = isSharedLogin
            self.note = note
            self.accepted = accepted
            self.atSeconds = atSeconds
            self.manifestHash = manifestHash
        }
    }

    /// A file that was signed.
    public struct File: Sendable, Hashable {
        public var name: String
        public var sha256: String

        public init(name: String, sha256: String) {
            self.name = name
            self.sha256 = sha256
        }
    }

    public var number: Int64
    public var name: String
    public var state: String
    public var verdict: String
    public var cutOffSeconds: Int64
    public var zone: Zone
    public var manifestHash: String
    /// The files of the report with their SHA-256, by name.
    public var files: [File]
    public var signatures: [Signature]
    /// The statement of the same cut-off that this one takes the place of, and why.
    public var supersedes: Int64?
    public var supersedeNote: String = ""
    /// The statement that took its place, signed by two people.
    public var supersededBy: Int64?
    /// The statement that takes its place once its reviewer has signed it.
    public var isToBeSupersededBy: Int64?

    public init(
        number: Int64, name: String, state: String, verdict: String, cutOffSeconds: Int64, zone: Zone,
        manifestHash: String, files: [File], signatures: [Signature]
    ) {
        self.number = number
        self.name = name
        self.state = state
        self.verdict = verdict
        self.cutOffSeconds = cutOffSeconds
        self.zone = zone
        self.manifestHash = manifestHash
        self.signatures = signatures
        self.files = files
    }

    /// Writes the page under its name, at once or not at all. It blocks on the disk.
    /// - Throws: ``ReportError``.
    @discardableResult
    public func write(into directory: String) throws(ReportError) -> FileDigest {
        let folder = try OutputFolder(directory)
        let file = try OutputFile(Self.fileName, in: folder)
        try file.stream.write(try html())
        try file.finish()
        guard let digest = file.digest else { throw .inconsistent("\(Self.fileName) has no hash") }
        try file.commit()
        try folder.sync()
        return digest
    }

    // MARK: The page

    private func html() throws(ReportError) -> String {
        let policy = "default-src 'none'; style-src '\(try HTML.hash(Self.style))'; base-uri 'none'; form-action 'none'"
        return """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="\(policy)">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark"><title>Signatures · report \(number)</title>
            <style>\(Self.style)</style></head><body><main>
            <p class="soft">Report \(number) · \(HTML.data(name, 120))</p>
            <h1>\(HTML.text(status))</h1>
            <p><b>\(HTML.text(state))</b> \(HTML.data(ReportVerdict.beside(state, verdict), 600))</p>
            <p class="soft">Cut-off \(at(cutOffSeconds))</p>
            \(superseding)\(pending)\(acceptance)\(signatures.map(box).joined())
            <h2>What was signed</h2>
            <p class="soft">The files as they were made, by their SHA-256. <code>trueup report verify</code> proves \
            this page and each of them.</p>
            <table>\(fileRows)</table>
            </main></body></html>

            """
    }

    /// Whether it is signed, in capitals.
    var status: String {
        let isWhole = signatures.count == SignOff.Role.allCases.count
        let accepted = signatures.contains { !$0.accepted.isEmpty } ? ", ACCEPTED AS \(state)" : ""
        return supersededBy.map { "SUPERSEDED by report \($0)" }
            ?? (isWhole ? "SIGNED by two people" + accepted : "NOT YET REVIEWED")
    }

    var superseding: String {
        guard let supersedes else { return "" }
        return "<p class=\"note\">It takes the place of report \(supersedes), signed for the same cut-off: "
            + "\(HTML.data(supersedeNote, 2_000))</p>\n"
    }

    var pending: String {
        guard let newer = isToBeSupersededBy else { return "" }
        return "<p class=\"note\">To be superseded by report \(newer), once its reviewer signs. Until then this one "
            + "counts.</p>\n"
    }

    /// What a signature under a statement that is not whole says, and what it does not.
    private var acceptance: String {
        guard signatures.contains(where: { !$0.accepted.isEmpty }) else { return "" }
        let meaning = StatementState(rawValue: state).map { ReportVerdict.meaning($0) } ?? ""
        return "<p class=\"note\"><b>\(HTML.text(state))</b> \(HTML.text(meaning)) Whoever signed below accepts that, "
            + "for the reason beside the signature; it makes the figures no more complete than they are.</p>\n"
    }

    /// What the page says of a signature, in the order of its lines.
    func rows(_ signature: Signature) -> [(name: String, value: String)] {
        func login(_ text: String) -> String { text.isEmpty ? "not noted" : HTML.data(text, 120) }
        var rows: [(name: String, value: String)] = [
            (Self.signedName, at(signature.atSeconds)), ("Name, as typed", HTML.data(signature.person, 120)),
            ("User of the machine", login(signature.systemUser)),
            ("User of the database", login(signature.databaseUser)),
        ]
        if signature.isSharedLogin {
            rows.append(("Shared login", "allowed by settings.yaml: the logins do not tell two people apart"))
        }
        rows.append(("Checked", HTML.data(signature.note, 4_000)))
        if !signature.accepted.isEmpty {
            rows.append(("Accepted as \(HTML.text(state))", "<b>\(HTML.data(signature.accepted, 4_000))</b>"))
        }
        if signature.manifestHash != manifestHash {
            rows.append(("Signed manifest", "<b>ANOTHER: \(HTML.data(signature.manifestHash, 80))</b>"))
        }
        return rows
    }

    /// How the page calls the time of a signature.
    static let signedName = "Signed"

    /// How the page calls who signs.
    static func title(_ role: String) -> String { role == SignOff.Role.preparer.rawValue ? "Preparer" : "Reviewer" }

    private func box(_ signature: Signature) -> String {
        let lines = rows(signature).map { "<tr><th scope=\"row\">\($0.name)</th><td>\($0.value)</td></tr>" }.joined()
        return "<section><h2>\(Self.title(signature.role))</h2><table>\(lines)</table></section>\n"
    }

    private var fileRows: String {
        (files + [File(name: ReportManifest.fileName, sha256: manifestHash)]).map {
            "<tr><th scope=\"row\">\(HTML.data($0.name, 120))</th>"
                + "<td><code>\(HTML.data($0.sha256, 80))</code></td></tr>"
        }.joined()
    }

    /// As pages of earlier versions have a time, without its seconds.
    func atMinute(_ seconds: Int64) -> String { at(seconds - (seconds % 60 + 60) % 60) }

    private func at(_ seconds: Int64) -> String {
        let wall = ReportClock(zone).instant(seconds) ?? "?"
        return "\(wall) \(HTML.text(zone.name)) (\(ReportClock(.utc).instant(seconds) ?? "?") UTC)"
    }

    private static let style = """
        :root{--ink:#1b2430;--soft:#5b6776;--line:#dfe4ea;--paper:#fff;--back:#f4f6f8;--amber:#8a4b00}
        @media (prefers-color-scheme:dark){:root{--ink:#e6eaf0;--soft:#9aa7b6;--line:#2d3845;--paper:#18202a;\
        --back:#10161d;--amber:#f0bd72}}
        *{box-sizing:border-box}body{margin:0;background:var(--back);color:var(--ink);font:15px/1.5 -apple-system,\
        "Segoe UI",Roboto,"Helvetica Neue",Arial,system-ui,sans-serif}
        main{max-width:860px;margin:0 auto;padding:28px 16px 48px}h1{font-size:24px;margin:4px 0 12px}
        h2{font-size:15px;margin:0 0 8px}section{background:var(--paper);border:1px solid var(--line);\
        border-radius:10px;padding:16px 18px;margin:16px 0}.soft{color:var(--soft);font-size:13px}
        .note{color:var(--amber)}p{margin:0 0 8px;overflow-wrap:anywhere}
        table{border-collapse:collapse;width:100%;table-layout:fixed}
        th,td{text-align:left;vertical-align:top;padding:5px 8px 5px 0;border-bottom:1px solid var(--line);\
        overflow-wrap:anywhere}th{width:32%;font-weight:400;font-size:13px;color:var(--soft)}code{font-size:12px}
        main>h2{margin-top:28px}
        @media print{:root{--ink:#000;--soft:#444;--line:#bbb;--paper:#fff;--back:#fff;--amber:#6b3a00}\
        section{break-inside:avoid;border-radius:0}}

        """
}
