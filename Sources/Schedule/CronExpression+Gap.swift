extension CronExpression {
    /// The first local time between two instants at which the expression is due and over which the zone's clock
    /// jumps, in local seconds; `nil` where there is none, and for what runs in real time.
    package func firstInGap(of zone: Zone, from: Int64, to: Int64) -> Int64? {
        guard case .fields(let fields) = rule, !fields.isWildcard else { return nil }
        var span = zone.span(at: from)
        while span.to < to {
            let next = zone.span(at: span.to)
            let (begin, end) = (span.to + span.offset, span.to + next.offset)
            if begin < end, let local = fields.nextLocal(from: begin), local < end { return local }
            span = next
        }
        return nil
    }

    /// The first local time between two instants at which the expression is due and that the zone's clock shows twice,
    /// in local seconds; `nil` where there is none, and for what counts from 1970.
    package func firstInOverlap(of zone: Zone, from: Int64, to: Int64) -> Int64? {
        guard case .fields(let fields) = rule else { return nil }
        var span = zone.span(at: from)
        while span.to < to {
            let next = zone.span(at: span.to)
            let (begin, end) = (span.to + next.offset, span.to + span.offset)
            if begin < end, let local = fields.nextLocal(from: begin), local < end { return local }
            span = next
        }
        return nil
    }
}
