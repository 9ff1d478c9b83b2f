import Schedule

/// The next time that an expression is due, next to a walk from minute to minute.
struct CronSearching {
    /// Of each kind: often, daily, monthly, by weekday, the last day, once in years. Beside each what it means, in
    /// plain Swift: the minute of the day, and the day.
    private static let expressions: [(text: String, isDue: @Sendable (Int64, CivilDate) -> Bool)] = [
        ("*/5 * * * *", { minute, _ in minute % 5 == 0 }),
        ("15 2 * * *", { minute, _ in minute == 135 }),
        ("30 4 1 * *", { minute, day in minute == 270 && day.day == 1 }),
        ("0 9 * * MON-FRI", { minute, day in minute == 540 && (1...5).contains(day.weekday) }),
        ("0 12 L * *", { minute, day in minute == 720 && day.adding(days: 1).day == 1 }),
        // The day of the month begins with a star, so both have to hold.
        ("0 0 */31 JAN MON", { minute, day in minute == 0 && day.month == 1 && day.day == 1 && day.weekday == 1 }),
    ]
    private static let zone = "America/New_York"
    /// 2026-01-01 00:00:30 UTC.
    private static let from: Int64 = 1_767_225_630
    private static let minutesMax = 8 * 366 * 1_440

    func measure(seconds: Double) throws -> Measurement {
        let zone = try Zone.load(Self.zone)
        let expressions = try Self.expressions.map { (try CronExpression($0.text), $0.isDue) }
        for (expression, isDue) in expressions {
            let found = expression.next(after: Self.from, in: zone)
            let walked = walk(isDue, zone)
            guard found == walked, found != nil else {
                throw Disagreement(
                    description: "\(expression.text): searched \(found ?? -1), walked \(walked ?? -1)")
            }
        }
        let count = Double(expressions.count)
        return Measurement(
            part: "cron search", unit: "searches", plainWay: "minute by minute",
            unitsPerSecond: unitsPerSecond(seconds: seconds) {
                for _ in 0..<100 {
                    for (expression, _) in expressions { _ = expression.next(after: Self.from, in: zone) }
                }
                return 100 * count
            },
            plainUnitsPerSecond: unitsPerSecond(seconds: seconds) {
                for (_, isDue) in expressions { _ = walk(isDue, zone) }
                return count
            })
    }

    private func walk(_ isDue: (Int64, CivilDate) -> Bool, _ zone: Zone) -> Int64? {
        var instant = (Self.from / 60 + 1) * 60
        for _ in 0..<Self.minutesMax {
            let minute = zone.localSeconds(at: instant) / 60
            if isDue(minute % 1_440, CivilDate(daysSinceEpoch: Int(minute / 1_440))) { return instant }
            instant += 60
        }
        return nil
    }
}
