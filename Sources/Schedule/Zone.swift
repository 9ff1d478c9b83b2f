/// A time zone of the system's TZif database (RFC 8536), with the rule in its footer for all years to come.
///
/// ```swift
/// let zone = try Zone.load("America/New_York")
/// zone.offsetSeconds(at: 1_773_000_000)         // -14_400
/// zone.instants(ofLocal: …)                     // one, two (overlap) or none (gap)
/// ```
/// Instants are Unix seconds. Local times are written as *local seconds*: the Unix seconds that the same wall clock
/// would show in UTC.
public struct Zone: Sendable, Hashable {
    /// The name it was loaded by.
    public let name: String
    /// Where each segment of constant offset begins; the first begins at `Int64.min`, and they ascend.
    package let starts: [Int64]
    /// For each segment, an index into `types`.
    package let typeIndices: [UInt8]
    package let types: [LocalType]
    /// From here on the last 400 years of `starts` repeat for ever; `Int64.max` without a rule.
    package let repeatsFromSeconds: Int64

    /// One kind of local time in a zone.
    package struct LocalType: Sendable, Hashable {
        package let offsetSeconds: Int
        package let isDaylight: Bool
        package let abbreviation: String

        package init(offsetSeconds: Int, isDaylight: Bool, abbreviation: String) {
            self.offsetSeconds = offsetSeconds
            self.isDaylight = isDaylight
            self.abbreviation = abbreviation
        }
    }

    package init(
        name: String, starts: [Int64], typeIndices: [UInt8], types: [LocalType],
        repeatsFromSeconds: Int64 = .max
    ) {
        precondition(!starts.isEmpty && starts.count == typeIndices.count, "a zone without segments")
        self.name = name
        self.starts = starts
        self.typeIndices = typeIndices
        self.types = types
        self.repeatsFromSeconds = repeatsFromSeconds
    }

    /// Universal time: needs no database.
    public static let utc = Zone(
        name: "UTC", starts: [.min], typeIndices: [0],
        types: [LocalType(offsetSeconds: 0, isDaylight: false, abbreviation: "UTC")])

    /// 400 Gregorian years in seconds: after so long, dates, weekdays and so every rule repeat.
    package static let cycleSeconds: Int64 = 146_097 * 86_400
}

/// A span of time in which a zone's offset does not change.
public struct ZoneSegment: Sendable, Hashable {
    /// Its first instant; `Int64.min` for the first.
    public let fromSeconds: Int64
    /// The first instant after it; `Int64.max` for the last.
    public let toSeconds: Int64
    /// Local seconds minus Unix seconds: positive east of Greenwich.
    public let offsetSeconds: Int64
    public let isDaylight: Bool
    /// `EST`, `+1030`.
    public let abbreviation: String
}

extension Zone {
    /// The segment that holds an instant.
    public func segment(at seconds: Int64) -> ZoneSegment {
        let span = span(at: seconds)
        let type = types[Int(typeIndices[span.index])]
        return ZoneSegment(
            fromSeconds: span.from, toSeconds: span.to, offsetSeconds: span.offset, isDaylight: type.isDaylight,
            abbreviation: type.abbreviation)
    }

    /// Local seconds minus Unix seconds at an instant: positive east of Greenwich.
    public func offsetSeconds(at seconds: Int64) -> Int64 {
        span(at: seconds).offset
    }

    /// The wall clock at an instant, as local seconds.
    public func localSeconds(at seconds: Int64) -> Int64 {
        seconds + offsetSeconds(at: seconds)
    }

    /// The day that the calendar on the wall shows.
    public func date(at seconds: Int64) -> CivilDate {
        CivilDate(daysSinceEpoch: Int(floorDivide(localSeconds(at: seconds), 86_400).quotient))
    }

    /// The first instant of a day: midnight, or the end of the gap that swallows it.
    public func startOfDay(_ date: CivilDate) -> Int64 {
        instants(ofLocal: Int64(date.daysSinceEpoch) * 86_400).first
    }

    /// The instants at which the wall clock shows a local time.
    public func instants(ofLocal local: Int64) -> LocalInstants {
        // Offsets lie within ±26 hours, so only segments that touch this span can show the time.
        var span = span(at: local - 93_600)
        var found: Int64?
        var gapEnd: Int64?
        while true {
            let instant = local - span.offset
            if instant >= span.from, instant < span.to {
                if let found { return .two(found, instant) }
                found = instant
            }
            guard span.to <= local + 93_600 else { break }
            let next = self.span(at: span.to)
            if span.to + span.offset <= local, local < span.to + next.offset { gapEnd = span.to }
            span = next
        }
        if let found { return .one(found) }
        // Without a match the wall clock jumped over the time; a gap's end is found wherever nothing else is.
        return .gap(end: gapEnd ?? local - span.offset)
    }

    /// A segment without its words: what searches use.
    package struct Span {
        package let index: Int
        package let from: Int64
        package let to: Int64
        package let offset: Int64
    }

    package func span(at seconds: Int64) -> Span {
        guard seconds >= repeatsFromSeconds else { return storedSpan(at: seconds, shift: 0) }
        let cycles = (seconds - repeatsFromSeconds) / Zone.cycleSeconds + 1
        return storedSpan(at: seconds - cycles * Zone.cycleSeconds, shift: cycles * Zone.cycleSeconds)
    }

    private func storedSpan(at seconds: Int64, shift: Int64) -> Span {
        var low = 0
        var high = starts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= seconds { low = middle } else { high = middle }
        }
        let type = types[Int(typeIndices[low])]
        let from = starts[low] == .min ? .min : starts[low] + shift
        var to = Int64.max
        if low + 1 < starts.count {
            to = starts[low + 1] + shift
        } else if repeatsFromSeconds < .max {
            // The last stored segment ends where the first one of the repeated cycle begins anew.
            to = firstStart(after: repeatsFromSeconds - Zone.cycleSeconds) + Zone.cycleSeconds + shift
        }
        return Span(index: low, from: from, to: to, offset: Int64(type.offsetSeconds))
    }

    private func firstStart(after seconds: Int64) -> Int64 {
        starts.first { $0 > seconds } ?? .max - 2 * Zone.cycleSeconds
    }
}

/// The instants at which a wall clock shows one local time.
public enum LocalInstants: Sendable, Hashable {
    case one(Int64)
    /// The clock is set back over the time: first and second pass.
    case two(Int64, Int64)
    /// The clock jumps over the time: the first instant after the gap.
    case gap(end: Int64)

    /// The first instant at or after which the clock has shown the time.
    public var first: Int64 {
        switch self {
        case .one(let instant), .two(let instant, _), .gap(let instant): instant
        }
    }
}
