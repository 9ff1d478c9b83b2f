import PostgreSQL
import Runner
import Store
import Synchronization

/// Looks now and then how far the reading of a run is, and has it shown. A look that fails is no reason to stop the
/// run: the next one may do.
final class ReadWatch: Sendable {
    private let pool: Pool
    private let view: RunView
    private let looking = Mutex<(task: Task<Void, Never>?, isOver: Bool)>((nil, false))

    /// A line of a log this often; on a terminal every second.
    private static let lineSeconds = 60

    init(pool: Pool, view: RunView) {
        self.pool = pool
        self.view = view
    }

    /// Begins to look with the run, and ends with its reading.
    func note(_ progress: RunProgress) {
        switch progress {
        case .began(let run, _, _, _): start(run)
        case .comparing: stop()
        default: break
        }
    }

    func stop() {
        looking.withLock { state in
            state.task?.cancel()
            state.isOver = true
        }
    }

    private func start(_ run: Int64) {
        looking.withLock { state in
            guard state.task == nil, !state.isOver else { return }
            state.task = Task { [pool, view] in
                var tick = 0
                while (try? await Task.sleep(for: .seconds(1))) != nil {
                    tick += 1
                    let isDue = tick % Self.lineSeconds == 0
                    guard isDue || Terminal.stderrIsTerminal else { continue }
                    guard let progress = try? await pool.withConnection({ try await ReadProgress.of(run: run, on: $0) })
                    else { continue }
                    if !Task.isCancelled { view.show(progress, isDue: isDue) }
                }
            }
        }
    }
}
