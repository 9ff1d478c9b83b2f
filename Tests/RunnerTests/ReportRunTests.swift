import Curl
import Foundation
import Jobs
import PostgreSQL
import Reconciliation
import Reports
import Runner
import Schedule
import Store
import Support
import Testing

@Suite("Reports of runs")
struct ReportRunTests {
    /// The cut-off is an hour before the run's upper bound, so that the run reaches it.
    static let cutOff = NightSetup.nowSeconds - 3_600

    @Test("after a night the statement closes: the repaired is resolved, the open explains the whole difference")
    func afterNight() async throws {
        try await ReportScene.with(seed: 11) { scene in
            let before = try await scene.night.balances().values.reduce(0, +)
            let night = try await scene.night.run()
            let history = try await scene.readHistory()
            let repaired = [night, history].flatMap { Array($0.tallies.repaired.values) }.reduce(0, +)
            let result = try await scene.report()
            let statement = result.report.statement
            #expect(statement.state == .explained, "\(statement.gaps)")
            #expect(statement.totals.unexplained == 0 && statement.totals.unexplainedGross == 0)
            #expect(result.exitCode == 2)
            #expect(result.report.resolved.count { $0.how == "repaired" } == repaired)
            #expect(result.report.repairs.count == result.report.resolved.count { $0.how == "repaired" })
            #expect(before < statement.totals.recorded ?? 0)
            // What was paid at Stripe is what Stripe says, whatever the tables say.
            let paid = scene.night.world.allInvoices().filter { ($0.paidSeconds ?? .max) < Self.cutOff }
            let amounts = Dictionary(grouping: paid, by: \.currency).mapValues { $0.map(\.amountPaid).reduce(0, +) }
            let stated = statement.purchases.filter { $0.atStripe != 0 }.map { ($0.currency, $0.atStripe) }
            #expect(Dictionary(uniqueKeysWithValues: stated) == amounts)
            #expect(statement.unexplainedMoney.isEmpty)
            // Stripe's side of the control totals is what the run listed and read, to the last object.
            let read = statement.controls.map(\.stripe.read.count).reduce(0, +)
            #expect(read == night.outcome.stripeObjects)
            #expect(result.report.run.runs.map(\.job) == [Night.job])
        }
    }

    @Test("without a run up to the cut-off, and on one that failed, the report says INCOMPLETE first")
    func incomplete() async throws {
        try await ReportScene.with(seed: 12) { scene in
            let missing = try await scene.report()
            #expect(missing.state == .incomplete && missing.exitCode == 3)
            #expect(missing.report.statement.gaps.contains { $0.contains("trueup run credit-invoices") })
            #expect(ReportVerdict.line(missing.report.statement).hasPrefix("INCOMPLETE"))
            try await scene.readAll()
            #expect(try await scene.report().state == .explained)
            try await scene.run("UPDATE trueup.run SET state = 'incomplete', problems = '{window 3 was not read}'")
            let failed = try await scene.report()
            #expect(failed.state == .incomplete)
            #expect(failed.report.statement.gaps.contains { $0.contains("window 3 was not read") })
            let messages = ReportMessages(failed, definition: scene.definition(), when: .changed)
            #expect(messages.subject.hasPrefix("INCOMPLETE"))
            #expect(messages.slack.hasPrefix("*INCOMPLETE* 1 gap, "), "\(messages.slack)")
            // The state is said once, and no line of a mail is broken by the program that shows it.
            for text in [messages.subject, messages.slack] {
                #expect(text.components(separatedBy: "INCOMPLETE").count == 2, "\(text)")
            }
            #expect(messages.subject.count <= 120, "\(messages.subject)")
            let lines = messages.text.split(separator: "\n")
            #expect(lines.allSatisfy { $0.count <= 78 || !$0.dropFirst(2).contains(" ") }, "\(messages.text)")
        }
    }

    @Test("the same figures are the same report, byte for byte; other figures go on in the chain")
    func repeated() async throws {
        try await ReportScene.with(seed: 13) { scene in
            try await scene.readAll()
            let first = try await scene.report()
            let again = try await scene.report()
            #expect(again.isRepeated && again.id == first.id)
            #expect(again.files == first.files && again.manifestHash == first.manifestHash)
            try await scene.run("UPDATE task_credit_agency_balance SET balance = balance + 1")
            let other = try await scene.report()
            #expect(!other.isRepeated && other.id != first.id)
            #expect(other.report.run.previousReportHash == first.manifestHash)
            #expect(other.state == .unexplained)
            let stored = try await StoredReports(pool: scene.night.pool).report(id: other.id)
            #expect(stored?.previousHash == first.manifestHash && stored?.manifestHash == other.manifestHash)
        }
    }

    @Test("a message is queued once for each recipient, however often the report is made")
    func queuedOnce() async throws {
        try await ReportScene.with(seed: 14) { scene in
            try await scene.readAll()
            let rule = DeliverRule(email: ["a@example.com", "b@example.com"], slack: true, directory: true)
            let first = try await scene.report(deliver: rule)
            let again = try await scene.report(deliver: rule)
            #expect(first.deliveries.map(\.outcome.rawValue) == ["queued", "queued", "queued", "delivered"])
            #expect(again.isRepeated && again.deliveries.isEmpty)
            let messages = try await Outbox(pool: scene.night.pool).list()
            #expect(messages.map(\.recipient) == ["a@example.com", "b@example.com", "SLACK_WEBHOOK_URL"])
            #expect(messages.allSatisfy { $0.subject.hasPrefix("EXPLAINED balance-report") })
            #expect(messages[0].text.contains("unexplained 0.00"))
            let files = try await Outbox(pool: scene.night.pool).attachments(of: messages[0])
            #expect(files.map(\.name) == ["report.html", "report.xlsx"])
            #expect(try FileDigest.sha256(files[0].bytes) == first.files.first { $0.name == "report.html" }?.sha256)
        }
    }

    @Test("the mail of a report leaves, with its page and its workbook, and a recipient that is refused stops none")
    func mailLeaves() async throws {
        try await ReportScene.with(seed: 20) { scene in
            try await scene.readAll()
            let rule = DeliverRule(email: ["rcpt-550@example.com", "a@example.com"], directory: true)
            let result = try await scene.report(deliver: rule)
            try await MailServerProcess.with("plain") { server in
                let from = try Mailbox(parsing: "Trueup <trueup@example.com>")
                let outbox = OutboxDelivery(
                    pool: scene.night.pool, mail: .init(client: try server.client(), from: from))
                let outcome = try await outbox.deliver(limit: 10)
                #expect(outcome.sent == 1 && outcome.failed == 1, "\(outcome.lastError ?? "")")
                let mail = try #require(try server.received().first)
                #expect(mail.recipients == ["a@example.com"] && mail.defects.isEmpty)
                #expect(mail.attachments.map(\.name) == ["report.html", "report.xlsx"])
                #expect(mail.attachments.first?.type == "text/html")
                #expect(mail.html?.contains("EXPLAINED") == true && mail.text?.contains("unexplained 0.00") == true)
                let page = Data(base64Encoded: mail.attachments[0].base64)
                #expect(
                    try FileDigest.sha256(Array(page ?? Data()))
                        == result.files.first { $0.name == "report.html" }?.sha256)
            }
        }
    }

    @Test("what ended while a report was made is told by the next one, and told once")
    func meanwhile() async throws {
        try await ReportScene.with(seed: 22) { scene in
            try await scene.readAll()
            let first = try await scene.report(period: .asOf(Self.cutOff - 120))
            #expect(!first.report.resolved.isEmpty)
            // It was closed before the report's row was written, and after the report had looked.
            try await scene.run(
                """
                UPDATE trueup.finding SET state = 'closed', closed_how = 'changed_locally',
                    closed_at = (SELECT created_at - interval '1 second' FROM trueup.report)
                WHERE id = (SELECT min(id) FROM trueup.finding WHERE state = 'open' AND kind = 'overdue')
                """)
            let next = try await scene.report(period: .asOf(Self.cutOff - 60))
            #expect(next.report.resolved.map(\.kind) == [.overdue])
            #expect(next.report.repairs.isEmpty)
            #expect(try await scene.report().report.resolved.isEmpty)
        }
    }

    @Test("a job that is left out takes its open items with it: that is a gap, and they are not called resolved")
    func leftOut() async throws {
        try await ReportScene.with(seed: 23) { scene in
            try await scene.readAll()
            let first = try await scene.report(period: .asOf(Self.cutOff - 120))
            #expect(first.state == .explained)
            try await scene.run(
                """
                UPDATE trueup.finding SET job = 'credit-payment-intents'
                WHERE id = (SELECT min(finding_id) FROM trueup.report_item JOIN trueup.finding f ON f.id = finding_id
                    WHERE f.state = 'open')
                """)
            let next = try await scene.report(period: .asOf(Self.cutOff - 60))
            #expect(next.state == .incomplete)
            let gaps = next.report.statement.gaps.filter { $0.contains("Job credit-payment-intents") }
            #expect(gaps.count == 1 && gaps[0].contains("stated 1 of its items"), "\(next.report.statement.gaps)")
            #expect(next.report.statement.changes.resolved.isEmpty)
        }
    }

    @Test("an unchanged night sends one line as proof that it ran; a bucket that is crossed is a change")
    func unchanged() async throws {
        try await ReportScene.with(seed: 15) { scene in
            try await scene.readAll()
            try await scene.report(period: .asOf(Self.cutOff - 60))
            let quiet = try await scene.report()
            #expect(!quiet.isChanged)
            let line = ReportMessages(quiet, definition: scene.definition(), when: .changed)
            // One line, which is wrapped where mails are.
            let lines = line.text.split(separator: "\n").map { $0.drop { $0 == " " } }
            #expect(line.attachments.isEmpty && lines.joined(separator: " ") == quiet.oneLine)
            #expect(lines.count > 1 && line.text.split(separator: "\n").allSatisfy { $0.count <= 78 }, "\(line.text)")
            #expect(!line.slack.contains("\n"))
            #expect(line.subject.hasSuffix("unchanged"))
            let full = ReportMessages(quiet, definition: scene.definition(), when: .always)
            #expect(!full.attachments.isEmpty)
        }
    }

    @Test("what no item accounts for grew: that is a change, although every item is as it was")
    func unexplainedGrew() async throws {
        try await ReportScene.with(seed: 15) { scene in
            try await scene.readAll()
            func add(_ credits: Int) async throws {
                try await scene.run(
                    """
                    UPDATE task_credit_agency_balance SET balance = balance + \(credits)
                    WHERE agency_id = (SELECT min(agency_id) FROM task_credit_agency_balance)
                    """)
            }
            try await add(1)
            let first = try await scene.report(period: .asOf(Self.cutOff - 120))
            #expect(first.state == .unexplained)
            let quiet = try await scene.report(period: .asOf(Self.cutOff - 60))
            #expect(!quiet.isChanged)
            try await add(500)
            let grown = try await scene.report()
            #expect(grown.state == .unexplained && !grown.report.statement.changes.isAny)
            #expect(grown.isChanged)
            let message = ReportMessages(grown, definition: scene.definition(), when: .changed)
            #expect(!message.subject.hasSuffix("unchanged") && message.subject.contains("unexplained 501.00"))
        }
    }

    @Test("a signed statement is where the next one opens, and what moved behind it is listed")
    func signed() async throws {
        try await ReportScene.with(seed: 16) { scene in
            try await scene.readAll()
            let first = try await scene.report(period: .asOf(Self.cutOff - 10 * 86_400))
            let reports = StoredReports(pool: scene.night.pool)
            try await reports.sign(
                first.id,
                NewSignature(role: "preparer", person: "dana", note: "Tied to the ledger.", systemUser: "dana"))
            try await reports.sign(
                first.id, NewSignature(role: "reviewer", person: "miriam", note: "Read.", systemUser: "miriam"))
            let next = try await scene.report()
            #expect(next.report.periodFromSeconds == Self.cutOff - 10 * 86_400)
            #expect(next.report.statement.totals.opening == first.report.statement.totals.computed)
            #expect(next.report.changedSinceSignOff.isEmpty)
            #expect(next.report.statement.agencies.allSatisfy { ($0.rollForward?.unexplained ?? 0) == 0 })
            // A row that is changed moves the tables' side alone: it is listed, and Stripe's side stays.
            try await scene.run(
                """
                UPDATE task_credit_stripe_invoice SET credits = credits + 5 WHERE id = (SELECT min(id)
                    FROM task_credit_stripe_invoice WHERE paid AND paid_at < to_timestamp(\(Self.cutOff - 20 * 86_400)))
                """)
            let local = try await scene.report()
            #expect(local.report.changedSinceSignOff.map(\.field).allSatisfy { $0.hasPrefix("bought (local)") })
            #expect(local.report.changedSinceSignOff.count == 1)
            let told = "Changed since sign-off (report \(first.id)): 1 line, +5.00 credits in the tables."
            #expect(ReportSummary.lines(local.report).contains("  ! " + told))
            let messages = ReportMessages(local, definition: scene.definition(), when: .always)
            #expect(messages.slack.contains(told) && messages.slack.contains(" changed, "), "\(messages.slack)")
            #expect(messages.subject.count < 130, "\(messages.subject)")
            #expect(local.report.statement.totals.boughtAtStripe == next.report.statement.totals.boughtAtStripe)
            // A payment that is read otherwise than it was signed.
            try await scene.run(
                """
                UPDATE trueup.stripe_payment SET amount = amount + 100000 WHERE id = (SELECT min(id)
                    FROM trueup.stripe_payment WHERE paid_seconds < \(Self.cutOff - 20 * 86_400) AND amount % 20000 = 0)
                """)
            let changed = try await scene.report()
            #expect(changed.state == .unexplained)
            #expect(changed.report.changedSinceSignOff.contains { $0.field.hasPrefix("bought (Stripe)") })
        }
    }

    @Test("an object that was read and that the comparison never saw is in no class: INCOMPLETE")
    func hole() async throws {
        try await ReportScene.with(seed: 18, changesSchema: true) { scene in
            // In the transaction that ends the run, after everything was compared.
            try await scene.run(
                """
                CREATE FUNCTION plant_hole() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    IF OLD.state = 'running' AND NEW.state <> 'running' THEN
                        EXECUTE format('INSERT INTO trueup.staged_invoice_%s SELECT (jsonb_populate_record(s,
                            ''{"id": "in_unseen", "status": "open"}'')).* FROM trueup.staged_invoice_%s s LIMIT 1',
                            NEW.id, NEW.id);
                    END IF;
                    RETURN NEW;
                END $$;
                CREATE TRIGGER plant_hole BEFORE UPDATE ON trueup.run FOR EACH ROW EXECUTE FUNCTION plant_hole();
                """)
            try await scene.readAll()
            let result = try await scene.report()
            #expect(result.state == .incomplete && result.exitCode == 3)
            let gaps = result.report.statement.gaps
            #expect(gaps.count == 1 && gaps[0].contains("Stripe side: 1 object and "), "\(gaps)")
            #expect(gaps[0].contains("in no class"))
        }
    }

    @Test("what no run has read is NOT READ, with the command that reads it, and never in balance")
    func notRead() async throws {
        try await ReportScene.with(seed: 19) { scene in
            _ = try await scene.night.run()
            let young = try await scene.report()
            #expect(young.state == .incomplete)
            let gaps = young.report.statement.gaps
            #expect(gaps.count == 1 && gaps[0].contains("trueup backfill credit-invoices --from "), "\(gaps)")
            let line = ReportVerdict.line(young.report.statement)
            #expect(line.contains("credits NOT READ") && !line.contains("IN BALANCE") && !line.contains("OUT BY"))
            #expect(young.report.statement.totals.difference == nil)
            _ = try await scene.readHistory()
            #expect(try await scene.report().state == .explained)
            // A job of charges that never ran.
            let charges = try await scene.report(others: [scene.night.charges()])
            let words = ReportVerdict.line(charges.report.statement)
            #expect(charges.state == .incomplete)
            #expect(words.contains("charges NOT READ") && !words.contains("charges IN BALANCE"))
            #expect(words.contains("OUT BY"))
        }
    }

    @Test("a run that could not begin is none that a report rests on")
    func couldNotBegin() async throws {
        try await ReportScene.with(seed: 18) { scene in
            try await scene.readAll()
            let state = try await scene.report().state
            try await Runs(pool: scene.night.pool).record(
                failure: "The key was not accepted.", job: Night.job, definitionHash: "h", origin: Night.origin)
            #expect(try await scene.night.lastRun().state == "failed")
            let after = try await scene.report(period: .asOf(Self.cutOff - 1))
            #expect(state != .incomplete && after.state == state, "\(after.report.statement.gaps)")
        }
    }

    @Test("who was thought dead while it made a report keeps and sends nothing")
    func staleLease() async throws {
        try await ReportScene.with(seed: 17) { scene in
            let occurrences = Occurrences(pool: scene.night.pool)
            let now = try await occurrences.nowSeconds()
            let planned = PlannedOccurrence(
                nominalSeconds: now, window: OccurrenceWindow(fromSeconds: now - 60, toSeconds: now),
                notBeforeSeconds: now - 1, startBeforeSeconds: now + 3_600)
            let name = "balance-report"
            _ = try await occurrences.learn([KnownJob(job: name, definitionHash: "h", schedule: "")])
            _ = try await occurrences.insert(
                [NewOccurrence(job: name, definitionHash: "h", planned: planned)], dealtWith: [:])
            let stale = try #require(
                try await occurrences.claim(for: "frozen", jobs: [name], leaseSeconds: 0.05, limit: 1).first)
            try await Task.sleep(for: .milliseconds(120))
            _ = try await occurrences.sweep()
            let rule = DeliverRule(email: ["finance@example.com"], when: .always)
            await #expect(throws: LeaseLost(job: name, attempt: 1)) {
                try await scene.report(deliver: rule, lease: stale)
            }
            #expect(try await scene.night.number("SELECT count(*) FROM trueup.report") == 0)
            #expect(try await scene.night.number("SELECT count(*) FROM trueup.outbox") == 0)
        }
    }

    @Test("an occurrence that runs late states the cut-off of its own time")
    func late() async throws {
        try await ReportScene.with(seed: 25) { scene in
            let occurrences = Occurrences(pool: scene.night.pool)
            let now = try await occurrences.nowSeconds()
            let due = NightSetup.nowSeconds - 2 * 86_400
            let planned = PlannedOccurrence(
                nominalSeconds: due, window: OccurrenceWindow(fromSeconds: due - 86_400, toSeconds: due),
                notBeforeSeconds: now - 1, startBeforeSeconds: now + 3_600)
            let name = "balance-report"
            _ = try await occurrences.learn([KnownJob(job: name, definitionHash: "h", schedule: "")])
            _ = try await occurrences.insert(
                [NewOccurrence(job: name, definitionHash: "h", planned: planned)], dealtWith: [:])
            let lease = try #require(
                try await occurrences.claim(for: "w", jobs: [name], leaseSeconds: 600, limit: 1).first)
            let scheduled = try await scene.report(period: .lastCutOff, lease: lease)
            let cutOff = CutOff().last(before: due, in: .utc)
            #expect(scheduled.report.statement.cutOff.seconds == cutOff)
            let byHand = try await scene.report(period: .lastCutOff)
            #expect(byHand.report.statement.cutOff.seconds == cutOff + 2 * 86_400)
        }
    }

    @Test("resolved has one meaning: each is a row, and those that the last report stated are told apart")
    func resolved() async throws {
        try await ReportScene.with(seed: 24) { scene in
            try await scene.readAll()
            let first = try await scene.report(period: .asOf(Self.cutOff - 120))
            // One is closed, one is ignored from now on, and one was found and closed in between.
            try await scene.run(
                """
                UPDATE trueup.finding SET state = 'closed', closed_how = 'changed_locally', closed_at = now()
                WHERE id = (SELECT min(finding_id) FROM trueup.report_item);
                UPDATE trueup.finding SET action = 'ignore' WHERE id = (SELECT max(finding_id) FROM trueup.report_item);
                INSERT INTO trueup.finding (job, comparison, kind, account, stripe_id, local_id, action, stripe_status,
                    local_state, explanation, facts, first_run_id, last_run_id, state, closed_how, closed_at)
                SELECT job, comparison, 'overdue', account, 'in_between', '', 'inform', 'open', 'open', 'Why.',
                    json_build_object('stripe', json_build_object('created', \(Self.cutOff - 9_000))), first_run_id,
                    last_run_id, 'closed', 'changed_at_source', now()
                FROM trueup.finding LIMIT 1;
                """)
            // Made by hand meanwhile: nothing is compared with it.
            let hand = try await scene.report(period: .asOf(Self.cutOff - 90), purpose: .byHand)
            let next = try await scene.report(period: .asOf(Self.cutOff - 60))
            for report in [hand.report, next.report] {
                #expect(report.basis.comparedWith?.id == first.id)
                let told = Set(report.resolved.filter(\.wasStated).map(\.id))
                #expect(told == Set(report.statement.changes.resolved) && told.count == 2, "\(report.resolved)")
                #expect(report.resolved.count == 3)
                #expect(report.resolved.contains { $0.how == "ignored by the job file" && $0.closedSeconds == nil })
            }
        }
    }

    @Test("two processes do not make one report at the same time")
    func locked() async throws {
        try await ReportScene.with(seed: 17) { scene in
            let lock = try #require(
                try await JobLock.take(job: "report balance-report", target: scene.night.target))
            await #expect(throws: RunError.alreadyRunning("report balance-report")) { try await scene.report() }
            await lock.release()
        }
    }
}
