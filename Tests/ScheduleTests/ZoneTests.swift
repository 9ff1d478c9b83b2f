import Schedule
import Synchronization
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

@Suite("time zones")
struct ZoneTests {
    @Test(
        "the offset at an instant is the one of the C library",
        arguments: [
            "America/New_York", "Europe/Berlin", "Europe/Dublin", "Australia/Lord_Howe", "Antarctica/Troll",
            "Pacific/Apia", "Pacific/Chatham", "Africa/Casablanca", "America/Sao_Paulo", "Asia/Kathmandu",
            "America/Havana", "Asia/Gaza", "Pacific/Kiritimati", "America/Nuuk", "UTC", "Asia/Tehran",
        ])
    func offsets(_ name: String) throws {
        let zone = try Zone.load(name)
        var random = Seeded(UInt64(name.utf8.count))
        let instants = (0..<3000).map { _ in Int64.random(in: -3_000_000_000...20_000_000_000, using: &random) }
        let expected = CLibrary.offsets(zone: name, instants)
        for (instant, offset) in zip(instants, expected) {
            #expect(zone.offsetSeconds(at: instant) == offset, "\(name) at \(ISOTime.text(instant, in: .utc))")
        }
    }

    @Test("every zone of the system loads, and its rule holds for the years to come")
    func allZones() throws {
        let names = Zone.names()
        #expect(names.count > 400)
        for name in names {
            let zone = try Zone.load(name)
            #expect(zone.starts.first == .min)
            let far: [Int64] = [4_000_000_000, 3_990_000_000, 15_000_000_000, 15_015_000_000]
            #expect(CLibrary.offsets(zone: name, far) == far.map { zone.offsetSeconds(at: $0) }, "\(name)")
        }
    }

    @Test("segments tile time: each ends where the next begins, also beyond the table")
    func segments() throws {
        let zone = try Zone.load("America/New_York")
        var segment = zone.segment(at: .min)
        var count = 0
        while segment.toSeconds < 60_000_000_000 {
            let next = zone.segment(at: segment.toSeconds)
            #expect(next.fromSeconds == segment.toSeconds)
            #expect(next.toSeconds > next.fromSeconds)
            #expect(zone.segment(at: segment.toSeconds - 1) == segment)
            segment = next
            count += 1
        }
        #expect(count > 3600)
    }

    @Test("a gap, an overlap and an ordinary time are told apart")
    func localTimes() throws {
        let zone = try Zone.load("America/New_York")
        func local(_ text: String) throws -> Int64 { try #require(ISOTime.seconds(text + "Z")) }
        func instant(_ text: String) throws -> Int64 { try #require(ISOTime.seconds(text)) }
        #expect(
            try zone.instants(ofLocal: local("2026-03-08T02:30:00"))
                == .gap(end: instant("2026-03-08T03:00:00-04:00")))
        #expect(
            try zone.instants(ofLocal: local("2026-11-01T01:30:00"))
                == .two(instant("2026-11-01T01:30:00-04:00"), instant("2026-11-01T01:30:00-05:00")))
        #expect(
            try zone.instants(ofLocal: local("2026-06-01T12:00:00")) == .one(instant("2026-06-01T12:00:00-04:00")))
        let apia = try Zone.load("Pacific/Apia")
        #expect(
            try apia.instants(ofLocal: local("2011-12-30T12:00:00"))
                == .gap(end: instant("2011-12-31T00:00:00+14:00")))
        let skipped = try #require(CivilDate("2011-12-30"))
        #expect(apia.startOfDay(skipped) == (try instant("2011-12-31T00:00:00+14:00")))
    }

    @Test("a local time and its instants agree, in both directions", arguments: ["Europe/Berlin", "Pacific/Apia"])
    func roundTrip(_ name: String) throws {
        let zone = try Zone.load(name)
        var random = Seeded(9)
        for _ in 0..<5000 {
            let instant = Int64.random(in: -1_000_000_000...9_000_000_000, using: &random)
            switch zone.instants(ofLocal: zone.localSeconds(at: instant)) {
            case .one(let only): #expect(only == instant)
            case .two(let first, let second): #expect((first == instant || second == instant) && first < second)
            case .gap: Issue.record("\(instant) is shown by a clock and said to be in a gap")
            }
        }
    }

    @Test(
        "a wrong name is refused with the nearest one",
        arguments: [
            ("America/New_Yrok", "America/New_York"), ("america/new_york", "America/New_York"),
            ("Berlin", "Europe/Berlin"), ("Europe/Berln", "Europe/Berlin"), ("EST6EDT", "EST5EDT"),
        ])
    func nearest(_ pair: (String, String)) {
        #expect(throws: ZoneError.self) { try Zone.load(pair.0) }
        do {
            _ = try Zone.load(pair.0)
        } catch {
            #expect(error.description.contains("did you mean \"\(pair.1)\"?"), "\(error)")
        }
    }

    @Test(
        "a name that leads out of the database is refused",
        arguments: ["../../../etc/passwd", "/etc/localtime", "", "a b", "Europe/", "Europe//Berlin", "right/UTC", "."])
    func badNames(_ name: String) {
        #expect(throws: ZoneError.badName(name)) { try Zone.load(name) }
    }

    @Test("files of the database that are no zones are unknown", arguments: ["tzdata.zi", "zone.tab", "Europe"])
    func otherFiles(_ name: String) {
        #expect(throws: ZoneError.self) { try Zone.load(name) }
    }

    @Test("a damaged file is an error, wherever it is cut or changed")
    func damaged() throws {
        let directory = try #require(Zone.databaseDirectory)
        let bytes = try #require(try? readFile(directory + "/America/New_York", limitBytes: 1 << 20).get())
        #expect(throws: Never.self) { try TZif.zone(name: "x", path: "x", bytes: bytes) }
        for length in 0..<bytes.count {
            #expect(throws: ZoneError.self) { try TZif.zone(name: "x", path: "x", bytes: Array(bytes[..<length])) }
        }
        var random = Seeded(3)
        for _ in 0..<5000 {
            var changed = bytes
            for _ in 0..<3 {
                changed[Int.random(in: 0..<changed.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            // An error or a zone that answers: what counts is that neither traps.
            if let zone = try? TZif.zone(name: "x", path: "x", bytes: changed) {
                #expect(abs(zone.offsetSeconds(at: 1_700_000_000)) <= 168 * 3600)
            }
        }
    }

    @Test(
        "rules of footers",
        arguments: [
            ("EST5EDT,M3.2.0,M11.1.0", true), ("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", true), ("UTC0", true),
            ("IST-1GMT0,M10.5.0,M3.5.0/1", true), ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", true),
            ("XXX3EDT4,0/0,J365/23", true), ("EST", false), ("EST5EDT", false), ("EST5EDT,M13.1.0,M1.1.0", false),
            ("ES5", false), ("EST5EDT,M3.2.0,M11.1.0x", false), ("<+10-10", false),
        ])
    func footers(_ pair: (String, Bool)) {
        #expect((PosixRule(pair.0) != nil) == pair.1)
    }

    @Test(
        "days of rules: Julian days never count 29 February, ordinals do, and week 5 is the last",
        arguments: [
            ("AAA0BBB,J59/0,J60/0", 2024, "2024-02-28", "2024-03-01"),
            ("AAA0BBB,J59/0,J60/0", 2023, "2023-02-28", "2023-03-01"),
            ("AAA0BBB,0/0,59/0", 2024, "2024-01-01", "2024-02-29"),
            ("AAA0BBB,M3.5.0/0,M10.1.6/0", 2026, "2026-03-29", "2026-10-03"),
        ])
    func ruleDays(_ row: (text: String, year: Int, begins: String, ends: String)) throws {
        let rule = try #require(PosixRule(row.text))
        let daylight = try #require(rule.daylight)
        let days = rule.changes(year: row.year, daylight: daylight).map { change in
            // Summer time ends at midnight of its own clock, an hour before midnight in UTC.
            CivilDate(daysSinceEpoch: Int((change.seconds + (change.isDaylight ? 0 : 3600)) / 86_400)).description
        }
        #expect(days == [row.begins, row.ends])
    }

    @Test("the version of the database looks like one")
    func version() throws {
        let version = try #require(Zone.databaseVersion)
        #expect(version.count == 5 && version.hasPrefix("20"))
    }

    @Test("dates and days since 1970 agree over eight centuries")
    func dates() throws {
        var day = try #require(CivilDate("1600-02-28")).daysSinceEpoch
        for _ in 0..<292_194 {
            let date = CivilDate(daysSinceEpoch: day)
            #expect(date.daysSinceEpoch == day)
            let next = CivilDate(daysSinceEpoch: day + 1)
            #expect(next > date && (next.weekday - date.weekday + 7) % 7 == 1)
            day += 1
        }
        #expect(CivilDate(year: 2100, month: 2, day: 29) == nil)
        #expect(CivilDate("2026-1-01") == nil && CivilDate("2026-13-01") == nil && CivilDate("+026-01-01") == nil)
    }

    @Test(
        "timestamps without an offset, or with a wrong part, are no instants",
        arguments: ["2026-01-01T00:00:00", "2026-01-01", "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "x", ""])
    func badTimes(_ text: String) {
        #expect(ISOTime.seconds(text) == nil)
    }
}

/// What the C library says: it reads the same files with other code.
enum CLibrary {
    /// `TZ` belongs to the whole process, so nothing else may happen while it is changed.
    static func offsets(zone: String, _ instants: [Int64]) -> [Int64] {
        busy.withLock { _ in
            setenv("TZ", ":" + zone, 1)
            tzset()
            defer {
                unsetenv("TZ")
                tzset()
            }
            return instants.map { instant in
                var time = time_t(instant)
                var parts = tm()
                localtime_r(&time, &parts)
                return Int64(parts.tm_gmtoff)
            }
        }
    }

    private static let busy = Mutex(())
}
