/// How a sandbox is set up.
public struct SandboxConfiguration: Sendable {
    /// The accounts, told apart by their keys.
    public var accounts: [SandboxAccount]
    /// The time at the start, in Unix seconds. It stands still until ``SandboxServer/clock`` is moved.
    public var clockSeconds: Int64
    /// Whether the clock runs on from there, as real time passes.
    public var clockRuns: Bool
    /// Changes that happen while somebody reads.
    public var scripts: [SandboxScript]
    /// How many requests are let in.
    public var limits: SandboxLimits
    /// How long answers take.
    public var latency: SandboxLatency
    /// What fails.
    public var faults: SandboxFaults
    /// Event loops; each answers its connections on one thread.
    public var threads: Int
    /// Whether every request is kept in ``SandboxStatistics/log``.
    public var recordsRequests: Bool

    /// All members, with defaults where there is a usual value.
    public init(
        accounts: [SandboxAccount], clockSeconds: Int64, limits: SandboxLimits = .none,
        latency: SandboxLatency = .none, faults: SandboxFaults = .none, threads: Int = 1, recordsRequests: Bool = false,
        clockRuns: Bool = false, scripts: [SandboxScript] = []
    ) {
        self.clockRuns = clockRuns
        self.scripts = scripts
        self.accounts = accounts
        self.clockSeconds = clockSeconds
        self.limits = limits
        self.latency = latency
        self.faults = faults
        self.threads = threads
        self.recordsRequests = recordsRequests
    }
}

/// How many requests are served in any one second of real time (https://docs.stripe.com/rate-limits).
public struct SandboxLimits: Sendable, Equatable {
    /// Requests of one account; `nil` for no limit.
    public var perAccount: Int?
    /// Requests of one account to one endpoint, which is a method and a path template; `nil` for no limit.
    public var perEndpoint: Int?

    /// All members, with defaults where there is a usual value.
    public init(perAccount: Int?, perEndpoint: Int?) {
        self.perAccount = perAccount
        self.perEndpoint = perEndpoint
    }

    /// Nothing of the kind.
    public static let none = SandboxLimits(perAccount: nil, perEndpoint: nil)
    /// What Stripe documents for live mode.
    public static let documented = SandboxLimits(perAccount: 100, perEndpoint: 25)

    /// What the flag `--rate-limits documented|none` says.
    public init(flag: String) throws(SandboxFlagError) {
        switch flag {
        case "documented": self = .documented
        case "none": self = .none
        default: throw SandboxFlagError("“\(flag)” is neither documented nor none")
        }
    }
}

/// How long an answer takes.
public struct SandboxLatency: Sendable, Equatable {
    /// What every answer takes at least.
    public var fixedMilliseconds: Double
    /// The most that is added by chance.
    public var jitterMilliseconds: Double
    /// What the jitter is drawn from.
    public var seed: UInt64

    /// All members, with defaults where there is a usual value.
    public init(fixedMilliseconds: Double, jitterMilliseconds: Double = 0, seed: UInt64 = 1) {
        self.fixedMilliseconds = fixedMilliseconds
        self.jitterMilliseconds = jitterMilliseconds
        self.seed = seed
    }

    /// Nothing of the kind.
    public static let none = SandboxLatency(fixedMilliseconds: 0)

    /// The delay of the request with this number, in nanoseconds.
    func nanoseconds(of number: UInt64) -> Int64 {
        guard fixedMilliseconds > 0 || jitterMilliseconds > 0 else { return 0 }
        var draw = SeededDraw(seed: seed, number)
        return Int64((fixedMilliseconds + jitterMilliseconds * draw.fraction()) * 1_000_000)
    }
}
