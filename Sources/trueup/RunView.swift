import Foundation
import Jobs
import Logging
import Reconciliation
import Runner
import Schedule
import Store
import Synchronization

/// Shows a run while it is under way: one moving line on a terminal, a few lines of talk elsewhere.
final class RunView: Sendable {
    private struct State {
        var objects: [RunList: Int] = [:]
        var pages: [RunList: Int] = [:]
        var isResumed = false
        var runID: Int64?
        var firstShare: Double?
        var repairs = 0
        var repairsTotal = 0
        let started = Date()
    }

    private let name: String
    private let isQuiet: Bool
    private let zone: Zone?
    private let line = ProgressLine()
    private let state = Mutex(State())

    /// - Parameter zone: of the dates of a backfill; `nil`: UTC.
    init(_ definition: JobDefinition, isQuiet: Bool, zone: Zone? = nil) {
        name = definition.name
        self.zone = zone
        self.isQuiet = isQuiet
    }

    func show(_ progress: RunProgress) {
        switch progress {
        case .began(let run, let resumed, let from, let to):
            state.withLock { state in
                state.isResumed = resumed
                state.runID = run
            }
            let verb = resumed ? "goes on with" : "starts"
            say(
                resumed ? "run resumed" : "run began",
                "\(name) \(verb) run \(run): created from \(time(from)) to \(time(to))",
                ["trueup.run.id": "\(run)"])
        case .replaced(let run):
            line.clear()
            Terminal.say(
                "\(name): run \(run.id), created from \(time(run.period.fromSeconds)) to "
                    + "\(time(run.period.toSeconds)), was stopped before its end. This run replaces it: nobody can go "
                    + "on with it any more, and its period does not count as read.", .warning)
        case .page(let list, let objects):
            let (total, rate) = state.withLock { state in
                state.objects[list, default: 0] += objects
                state.pages[list, default: 0] += 1
                let total = state.objects.values.reduce(0, +)
                return (total, Double(total) / max(0.001, -state.started.timeIntervalSinceNow))
            }
            line.show("\(name): reading \(list), \(counted(total, "object")), \(Int(rate))/s")
        case .read(let list):
            let (objects, pages, isResumed) = state.withLock {
                ($0.objects[list] ?? 0, $0.pages[list] ?? 0, $0.isResumed)
            }
            line.clear()
            if isResumed, pages == 0 {
                say("list read", "\(name): \(list) had been read before", metadata(list))
            } else {
                let more = isResumed ? " more" : ""
                let sentence =
                    "\(name): \(list) read, \(counted(objects, "object"))\(more) in \(counted(pages, "page"))"
                let counts: Logger.Metadata = ["trueup.objects": "\(objects)", "trueup.pages": "\(pages)"]
                say("list read", sentence, metadata(list).merging(counts) { $1 })
            }
        case .comparing(let account, let round):
            line.show("\(name): comparing \(account)" + (round > 1 ? " (round \(round))" : ""), always: true)
        case .confirming(let account, let objects):
            line.show("\(name): reading \(counted(objects, "object")) of \(account) again, one by one", always: true)
        case .repairing(let count):
            state.withLock { state in
                state.repairs = 0
                state.repairsTotal = count
            }
        case .repaired:
            let (done, total) = state.withLock { state in
                state.repairs += 1
                return (state.repairs, state.repairsTotal)
            }
            line.show("\(name): repaired \(done) of \(total)")
        }
    }

    func clear() { line.clear() }

    /// How far the reading of a backfill is: a moving line on a terminal, else a line a minute.
    func show(_ progress: ReadProgress, isDue: Bool) {
        let (requests, seconds, first) = state.withLock { state in
            // What an earlier attempt had read says nothing about this one's pace.
            let first = state.firstShare ?? (state.isResumed ? progress.share : 0)
            state.firstShare = first
            return (state.pages.values.reduce(0, +), max(0.001, -state.started.timeIntervalSinceNow), first)
        }
        let rate = String(format: "%.1f", Double(requests) / seconds)
        let left = progress.secondsLeft(elapsed: seconds, since: first).map { ", about \(Self.span($0)) left" } ?? ""
        let text =
            "\(name): \(progress.windowsDone) of \(counted(Int(progress.windows), "window")), "
            + "\(String(format: "%.1f", progress.share * 100)) %, \(counted(Int(progress.objects), "object")), "
            + "\(rate) requests/s\(left)"
        line.show(text, always: true)
        guard isDue, !line.isShown else { return }
        say(
            "run progress", text,
            [
                "trueup.windows.done": "\(progress.windowsDone)", "trueup.windows": "\(progress.windows)",
                "trueup.objects": "\(progress.objects)", "trueup.share": "\(progress.share)",
                "trueup.requests_per_second": "\(rate)",
            ])
    }

    private func time(_ seconds: Int64) -> String {
        zone.map { ISOTime.text(seconds, in: $0) } ?? isoTime(seconds)
    }

    /// `45 s`, `12 min`, `3 h 5 min`.
    static func span(_ seconds: Double) -> String {
        let whole = Int64(max(0, min(seconds, 1e9)))
        if whole < 90 { return "\(whole) s" }
        if whole < 5_400 { return "\((whole + 30) / 60) min" }
        return "\(whole / 3_600) h \(whole / 60 % 60) min"
    }

    private func metadata(_ list: RunList) -> Logger.Metadata {
        ["trueup.account": "\(list.account)", "trueup.list": "\(list.object.rawValue)"]
    }

    private func say(_ message: Logger.Message, _ sentence: String, _ metadata: Logger.Metadata) {
        guard !isQuiet || Talk.isLogged else { return }
        var all = metadata
        all["trueup.job"] = "\(name)"
        if let runID = state.withLock({ $0.runID }) { all["trueup.run.id"] = "\(runID)" }
        Terminal.tell(message, sentence, .info, all)
    }
}

/// `1 page`, `2,030 pages`.
func counted(_ number: Int, _ what: String, _ plural: String? = nil) -> String {
    Money.counted(Int64(number), what, plural)
}

/// `2026-11-23 02:15:00 UTC`.
func isoTime(_ seconds: Int64) -> String {
    var time = time_t(seconds)
    var parts = tm()
    gmtime_r(&time, &parts)
    var buffer = [CChar](repeating: 0, count: 32)
    let length = strftime(&buffer, buffer.count, "%Y-%m-%d %H:%M:%S UTC", &parts)
    return String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
