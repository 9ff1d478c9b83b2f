import Foundation
import Jobs
import Reconciliation
import Runner
import Store
import Synchronization

/// Shows a run while it is under way: one moving line on a terminal, a few lines of talk elsewhere.
final class RunView: Sendable {
    private struct State {
        var objects: [RunList: Int] = [:]
        var pages: [RunList: Int] = [:]
        var isResumed = false
        var repairs = 0
        var repairsTotal = 0
        let started = Date()
    }

    private let name: String
    private let isQuiet: Bool
    private let line = ProgressLine()
    private let state = Mutex(State())

    init(_ definition: JobDefinition, isQuiet: Bool) {
        name = definition.name
        self.isQuiet = isQuiet
    }

    func show(_ progress: RunProgress) {
        switch progress {
        case .began(let run, let resumed, let from, let to):
            state.withLock { $0.isResumed = resumed }
            let verb = resumed ? "goes on with" : "starts"
            say("\(name) \(verb) run \(run): created from \(isoTime(from)) to \(isoTime(to))")
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
                say("\(name): \(list) had been read before")
            } else {
                let more = isResumed ? " more" : ""
                say("\(name): \(list) read, \(counted(objects, "object"))\(more) in \(counted(pages, "page"))")
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

    private func say(_ text: String) {
        if !isQuiet { Terminal.say(text) }
    }
}

/// `1 page`, `2,030 pages`.
func counted(_ number: Int, _ what: String, _ plural: String? = nil) -> String {
    "\(Money.grouped(Int64(number))) \(number == 1 ? what : plural ?? what + "s")"
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
