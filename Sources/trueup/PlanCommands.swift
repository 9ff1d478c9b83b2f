import ArgumentParser
import Foundation
import Jobs
import PostgreSQL
import Reconciliation
import Runner
import Store

struct ApplyCommand: AsyncParsableCommand, DatabaseUsing {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Does exactly what a plan file says.",
        discussion: """
            A row that has moved since the plan was made is left alone (exit code 2). An edited plan, or one whose job \
            file has changed, is refused. Applying a plan twice changes nothing more.
            """)

    @Argument(help: "The plan file.")
    var plan: String

    @OptionGroup var log: LogOptions
    @OptionGroup var metrics: MetricsOptions
    @OptionGroup var files: JobOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func run() async throws {
        log.start()
        Talk.isAbout("apply failed", ["trueup.plan.path": "\(self.plan)"])
        let plan = try PlanFile.read(self.plan)
        let isThere = FileManager.default.fileExists(atPath: "\(files.jobs)/\(plan.job).yaml")
        let set = isThere ? try files.load(for: [plan.job]) : try files.load()
        Talk.isAbout("apply failed", ["trueup.job": "\(plan.job)", "trueup.plan": "\(plan.id)"])
        guard let definition = set.job(named: plan.job) else { throw PlanError.noJob(plan.job) }
        let isLive = Accounts.hasLiveKey(definition.kind.accounts, settings: set.settings)
        let file = metrics.file()
        let code = try await Signals.cancelling {
            try await file.written {
                try await Database.with(databaseOptions, settings: set.settings, hasLiveKey: isLive) { database in
                    try await file.written(of: database.target) {
                        try await apply(plan, definition, set, database, file.meter)
                    }
                }
            }
        }
        if code != 0 { throw ExitCode(code) }
    }

    private func apply(
        _ plan: Plan, _ definition: JobDefinition, _ set: JobSet, _ database: Database, _ meter: RequestMeter
    ) async throws -> Int32 {
        let budgets = AccountBudgets(database.target)
        let accounts = try Accounts.open(definition.kind.accounts, settings: set.settings) {
            budgets.budget(of: $0, $1, for: .apply)
        }
        meter.add(accounts.clients)
        defer { meter.remove(accounts.clients) }
        let pool = Pool(database.target, size: JobRun.poolSize, applicationName: "trueup apply")
        let view = RunView(definition, isQuiet: true)
        let result: PlanRun.Result
        let planned: Run?
        do {
            result = try await PlanRun(
                plan: plan, path: self.plan, definition: definition, jobs: set.jobs, clients: accounts.clients,
                pool: pool, origin: .here(plan.purpose == .revert ? .revert : .apply),
                canSend: set.settings.delivery.email != nil,
                progress: {
                    if case .began(let id, _, _, _) = $0 { Talk.isAbout(run: id) }
                    view.show($0)
                }
            ).apply()
            planned = try await Runs(pool: pool).run(id: plan.run)
        } catch {
            view.clear()
            await pool.close()
            await accounts.http.close()
            await budgets.close()
            throw error
        }
        view.clear()
        await pool.close()
        await accounts.http.close()
        await budgets.close()
        if result.doneBefore == plan.items.count, result.doneBefore > 0 {
            let what = counted(plan.items.count, "item") + (plan.purpose == .revert ? " were undone before" : "")
            Terminal.print("This plan is done already: all of its \(what) (plan \(plan.id)).")
        } else {
            let done = plan.purpose == .revert ? "undone" : "done"
            let before = result.doneBefore > 0 ? ", \(result.doneBefore) were \(done) before" : ""
            Terminal.print(
                "Applied \(result.applied) of \(plan.items.count)\(before) (plan \(plan.id), run \(result.runID)).")
        }
        let reasons =
            result.leftAlone.map { "  left alone: \(printable($0))" }
            + result.failures.map { "  failed: \(printable($0.text(next.told)))" }
        for line in reasons.wrapped(WrappedLine.terminalColumns) { Terminal.print(line) }
        if plan.purpose == .revert, result.applied > 0 {
            Terminal.print(
                "These differences are there again and count as accepted: runs leave them alone and do not count them, "
                    + "until their facts change or somebody reopens them. See: "
                    + next.onJobs("trueup findings list --state accepted"))
        } else if result.exitCode == 0, result.applied > 0 {
            Terminal.print("To undo it: " + next.onJobs("trueup revert \(result.runID)"))
        }
        if plan.purpose == .repair, !plan.reviews.isEmpty, let planned {
            let words = PlannedDifferences(plan: planned, next: next).afterApply(reviews: plan.reviews.count)
            for line in [words].wrapped(WrappedLine.terminalColumns) { Terminal.print(line) }
        }
        return result.exitCode
    }
}

struct RevertCommand: AsyncParsableCommand, DatabaseUsing {
    static let configuration = CommandConfiguration(
        commandName: "revert", abstract: "Makes the plan that undoes the repairs of a run.",
        discussion: """
            Nothing is changed: the plan is printed and written, and applied with trueup apply. A repair is undone \
            only where its row is still as the repair left it; what cannot be undone is listed.
            """)

    @Argument(help: "The number of the run.")
    var run: Int64

    @Option(name: .long, help: ArgumentHelp("The directory of the plan files.", valueName: "dir"))
    var plans = PlanFolder.usual

    @OptionGroup var files: JobOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func run() async throws {
        let (set, wrong) = try files.loadWhatIsRight()
        let number = self.run
        try await Database.with(databaseOptions, settings: set.settings) { database in
            let plan = try await Pool.with(database.target, size: 2, applicationName: "trueup revert") { pool in
                if wrong > 0 { try await Self.check(number, set, pool) }
                return try await Plan.revert(
                    runID: number, jobs: set.jobs, pool: pool, origin: .here(.manual),
                    nowSeconds: Int64(Date().timeIntervalSince1970))
            }
            let path = try PlanFile.write(plan, to: plans)
            let lines = PlanView(plan).lines(columns: WrappedLine.terminalColumns)
            Terminal.print(lines.joined(separator: "\n"))
            PlanFile.say(plan, path: path, next: next)
        }
    }
}

extension RevertCommand {
    /// Some kinds of jobs use the tables that the files of others name: with one of these wrong, the plan would leave
    /// out what it could undo.
    private static func check(_ number: Int64, _ set: JobSet, _ pool: Pool) async throws {
        guard let run = try await Runs(pool: pool).run(id: number) else { return }
        if case .reconcile? = set.job(named: run.job)?.kind { return }
        throw CommandError("Run \(number) is of job \(run.job), which uses other job files: mend these first.")
    }
}

/// Plan files on disk.
enum PlanFile {
    /// No plan is larger.
    private static let bytesMax = 512 << 20

    /// Writes a plan under a name of its own: temporary file, fsync, rename.
    /// - Returns: the path.
    static func write(_ plan: Plan, to directory: String) throws -> String {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let path = "\(directory)/\(plan.job)-\(plan.purpose.rawValue)-\(plan.run)-\(plan.id).json"
        try Data(try plan.text().utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        return path
    }

    /// Says where a plan is, and how to do it where there is something to do.
    static func say(_ plan: Plan, path: String, next: NextCommand) {
        let command = plan.items.isEmpty ? "" : " To do it: " + next.onJobs("trueup apply " + NextCommand.word(path))
        Terminal.say("Written to \(path)." + command)
    }

    static func read(_ path: String) throws -> Plan {
        let data: Data
        do {
            data = try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw PlanError.unreadable(path, reason: "it cannot be read")
        }
        guard data.count <= bytesMax else { throw PlanError.unreadable(path, reason: "it is larger than 512 MiB") }
        return try Plan(text: String(decoding: data, as: UTF8.self), path: path)
    }
}

/// A plan for a person, like a good diff: `+` gives, `-` takes away, `~` changes, `?` is for a person.
struct PlanView {
    private let plan: Plan

    /// More lines than a person reads; the file has all.
    private static let shownMax = 200

    init(_ plan: Plan) { self.plan = plan }

    /// - Parameter columns: of a terminal; `nil`: no line is broken. A table is as wide as it is.
    func lines(columns: Int? = nil) -> [String] {
        var lines = [
            "\(plan.purpose == .revert ? "Revert of" : "Plan from") run \(plan.run) of \(plan.job), plan \(plan.id)",
            "",
        ]
        lines += plan.items.prefix(Self.shownMax).flatMap(line)
        if plan.items.count > Self.shownMax { lines.append("  … and \(plan.items.count - Self.shownMax) more") }
        lines += plan.reviews.prefix(Self.shownMax).flatMap(line)
        if plan.reviews.count > Self.shownMax {
            lines.append("  … and \(plan.reviews.count - Self.shownMax) more to review")
        }
        lines += plan.impossible.map { "  ! cannot be undone: \(printable($0))" }
        return lines.wrapped(columns) + effects + ["", plan.summary].wrapped(columns)
    }

    /// What the plan comes to, by kind of difference and effect; money never over currencies.
    private var effects: [String] {
        var table = TextTable(headings: ["  finding", "effect", "count", "credits", "money"], rightAligned: [2, 3, 4])
        for total in plan.totals {
            table.rows.append([
                "  " + total.kind, total.effect, Money.grouped(Int64(total.count)),
                total.credits == 0 ? "–" : (total.credits > 0 ? "+" : "") + Money.grouped(total.credits),
                total.amount.map { Money(minorUnits: $0, currency: total.currency).description } ?? "too much to add",
            ])
        }
        return table.rows.isEmpty ? [] : [""] + table.lines
    }

    private func line(_ item: Plan.Item) -> [String] {
        let money = Money(minorUnits: item.amount, currency: item.currency).description
        let (sign, style, what) = words(of: item)
        let object = "\(printable(item.stripeID)) (\(item.stripeStatus)), \(money)"
        let head = "\(sign) \(what)  ·  " + (item.localID.isEmpty ? object : "\(item.what), \(object)")
        return ["  " + Terminal.styled(head, style), "      \(item.kind): \(printable(item.explanation))"]
    }

    private func words(of item: Plan.Item) -> (sign: String, style: Terminal.Style, what: String) {
        let agency = item.agencyID.map { "agency \($0)" } ?? "nobody"
        let credits = "\(Money.grouped(item.credits)) \(item.credits == 1 ? "credit" : "credits")"
        return switch item.effect {
        case "grant": ("+", .green, "grant \(credits) to \(agency)")
        case "ungrant": ("-", .red, "take back \(credits) from \(agency)")
        case "cancel": ("~", .yellow, "cancel the order")
        case "uncancel": ("~", .yellow, "the order waits for payment again")
        case "link": ("~", .yellow, "write the missing Stripe id")
        case "unlink": ("~", .yellow, "take the Stripe id out again")
        case "succeed": ("~", .green, "mark the charge succeeded")
        case "fail": ("~", .yellow, "mark the charge failed")
        case "cancel_charge": ("~", .yellow, "cancel the charge")
        case "unsucceed", "unfail", "uncancel_charge": ("~", .yellow, "set the charge back to what it was")
        case "notice": ("+", .green, "send the notice to \(agency)")
        case "delete_draft":
            (
                "-", .red,
                "delete the draft at Stripe, for good" + (item.facts.alsoCancels ? ", and cancel the order" : "")
            )
        case "cancel_intent":
            (
                "-", .red,
                "cancel the payment intent at Stripe, for good"
                    + (item.facts.alsoCancels ? ", and cancel the charge" : "")
            )
        default: ("~", .yellow, item.effect)
        }
    }

    private func line(_ review: Plan.Review) -> [String] {
        let what = [review.row, printable(review.stripeID)].filter { !$0.isEmpty }.joined(separator: ", ")
        return ["  ? \(review.kind)  ·  \(what)", "      \(printable(review.explanation))"]
    }
}
