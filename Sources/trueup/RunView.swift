import Foundation
import Jobs
import Runner
import Synchronization

/// Shows a run while it is under way: one moving line on a terminal, a few lines of talk elsewhere.
final class RunView: Sendable {
    private struct State {
        var objects = 0
        var pages = 0
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
            let verb = resumed ? "goes on with" : "starts"
            say("\(name) \(verb) run \(run): invoices created from \(isoTime(from)) to \(isoTime(to))")
        case .page(let account, let objects):
            let (total, rate) = state.withLock { state in
                state.objects += objects
                state.pages += 1
                return (state.objects, Double(state.objects) / max(0.001, -state.started.timeIntervalSinceNow))
            }
            line.show("\(name): reading \(account), \(total) objects, \(Int(rate))/s")
        case .read(let account):
            let (objects, pages) = state.withLock { ($0.objects, $0.pages) }
            line.clear()
            say("\(name): \(account) read, \(objects) objects in \(pages) pages")
        case .comparing(let account, let round):
            line.show("\(name): comparing \(account)" + (round > 1 ? " (round \(round))" : ""), always: true)
        case .confirming(let account, let objects):
            line.show("\(name): reading \(objects) objects of \(account) again, one by one", always: true)
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

/// `2026-11-23 02:15:00 UTC`.
func isoTime(_ seconds: Int64) -> String {
    var time = time_t(seconds)
    var parts = tm()
    gmtime_r(&time, &parts)
    var buffer = [CChar](repeating: 0, count: 32)
    let length = strftime(&buffer, buffer.count, "%Y-%m-%d %H:%M:%S UTC", &parts)
    return String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
