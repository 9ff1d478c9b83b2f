/// How many requests for pages one account keeps on their way.
///
/// Little's law: requests in flight = requests a second × seconds that each takes. The rate is what the limit allows;
/// where that is more than anybody delivers, as without a limit, it is what was delivered, and somewhat more to find
/// out whether there is more to be had. The time is the shortest of late, because a longer one may be our own queue.
package struct ReadingPace: Sendable {
    private let allowedPerSecond: Double
    package private(set) var pages = 0
    /// The shortest transfer of each block of pages, of late, in microseconds; the last is not complete.
    private var shortest: [Int64] = []
    private var observedPerSecond = 0.0
    private var blockStart: ContinuousClock.Instant

    private static let pagesPerBlock = 16
    private static let blocks = 16
    /// A limit up to here is Stripe's, and Stripe serves it: no need to find out.
    private static let trustedPerSecond = 100.0
    private static let gain = 1.25
    /// Requests more than the law asks for: pages that are being decoded and committed, and latency that varies.
    private static let slack = 2
    /// Each costs the memory of a page when its answer comes.
    private static let requestsMax = 64
    /// Where nobody limits the rate, this machine does: more would only queue here.
    private static let unlimitedRequestsMax = 12

    /// - Parameter allowedPerSecond: requests a second that the rate limit leaves for the list.
    package init(allowedPerSecond: Double, now: ContinuousClock.Instant = .now) {
        self.allowedPerSecond = allowedPerSecond
        blockStart = now
    }

    /// A page arrived and was committed.
    package mutating func note(transferMicroseconds: Int64, now: ContinuousClock.Instant = .now) {
        let sample = max(1, transferMicroseconds)
        if pages.isMultiple(of: Self.pagesPerBlock) {
            shortest.append(sample)
            if shortest.count > Self.blocks { shortest.removeFirst() }
        }
        shortest[shortest.count - 1] = min(sample, shortest[shortest.count - 1])
        pages += 1
        guard pages.isMultiple(of: Self.pagesPerBlock) else { return }
        let (seconds, attoseconds) = (now - blockStart).components
        let rate = Double(Self.pagesPerBlock) / max(1e-6, Double(seconds) + Double(attoseconds) * 1e-18)
        // A slower moment is forgotten slowly: it may be ours.
        observedPerSecond = max(rate, observedPerSecond * 0.9)
        blockStart = now
    }

    /// How many requests should be on their way now.
    package var requestsInFlight: Int {
        guard let latency = shortest.min() else { return Self.slack }
        let rate = min(allowedPerSecond, max(Self.trustedPerSecond, 1.5 * observedPerSecond))
        let inFlight = (rate * Double(latency) / 1e6 * Self.gain).rounded(.up)
        let most = allowedPerSecond > Self.trustedPerSecond ? Self.unlimitedRequestsMax : Self.requestsMax
        return min(most, Int(min(inFlight, 1_000)) + Self.slack)
    }
}
