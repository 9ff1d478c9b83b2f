/// The binary form of a zone (RFC 8536, https://www.rfc-editor.org/rfc/rfc8536): a header, tables of 32-bit times for
/// old readers, then (version 2 and later) a second header, the same tables with 64-bit times, and a footer.
package enum TZif {
    package static let magic = Array("TZif".utf8)

    /// The zone in a file's bytes. Every count and index is checked, so a damaged file is an error and never a crash.
    package static func zone(name: String, path: String, bytes: [UInt8]) throws(ZoneError) -> Zone {
        var reader = Reader(path: path, bytes: bytes)
        let first = try reader.header()
        guard first.version >= UInt8(ascii: "2") else {
            throw reader.damaged("it is version 1, which ends in 2037; version 2 or later is needed")
        }
        try reader.skip(first.bodyBytes(timeBytes: 4))
        let header = try reader.header()
        let body = try reader.body(header)
        let footer = try reader.footer()
        let rule: PosixRule?
        if footer.isEmpty {
            rule = nil
        } else {
            guard let parsed = PosixRule(footer) else { throw reader.damaged("its footer \"\(footer)\" is not a rule") }
            rule = parsed
        }
        return ZoneBuilder(body: body, rule: rule).zone(name: name)
    }

    struct Header {
        let version: UInt8
        let isUTCount: Int
        let isStandardCount: Int
        let leapCount: Int
        let timeCount: Int
        let typeCount: Int
        let letterCount: Int

        func bodyBytes(timeBytes: Int) -> Int {
            timeCount * (timeBytes + 1) + typeCount * 6 + letterCount + leapCount * (timeBytes + 4) + isStandardCount
                + isUTCount
        }
    }

    /// The tables of one body.
    package struct Body {
        package var times: [Int64] = []
        package var typeIndices: [UInt8] = []
        package var types: [Zone.LocalType] = []
    }

    struct Reader {
        let path: String
        let bytes: [UInt8]
        var position = 0

        init(path: String, bytes: [UInt8]) {
            self.path = path
            self.bytes = bytes
        }

        func damaged(_ reason: String) -> ZoneError { .malformed(path: path, reason: reason) }

        mutating func skip(_ count: Int) throws(ZoneError) {
            guard count <= bytes.count - position else { throw damaged("it ends early") }
            position += count
        }

        mutating func take(_ count: Int) throws(ZoneError) -> ArraySlice<UInt8> {
            let start = position
            try skip(count)
            return bytes[start..<position]
        }

        mutating func integer(_ count: Int) throws(ZoneError) -> Int64 {
            let field = try take(count)
            let unsigned = field.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            return count == 4 ? Int64(Int32(truncatingIfNeeded: unsigned)) : Int64(bitPattern: unsigned)
        }

        mutating func header() throws(ZoneError) -> Header {
            guard try take(4).elementsEqual(TZif.magic) else { throw damaged("it does not begin with TZif") }
            let version = try take(16).first ?? 0
            var counts: [Int] = []
            for _ in 0..<6 {
                let count = try integer(4)
                guard (0...1 << 20).contains(count) else { throw damaged("a count of \(count) in its header") }
                counts.append(Int(count))
            }
            let header = Header(
                version: version, isUTCount: counts[0], isStandardCount: counts[1], leapCount: counts[2],
                timeCount: counts[3], typeCount: counts[4], letterCount: counts[5])
            guard header.leapCount == 0 else { throw damaged("it counts leap seconds, which Unix time does not") }
            return header
        }

        mutating func body(_ header: Header) throws(ZoneError) -> Body {
            guard (1...255).contains(header.typeCount) else { throw damaged("\(header.typeCount) kinds of time") }
            var body = Body()
            for _ in 0..<header.timeCount { body.times.append(try integer(8)) }
            body.typeIndices = Array(try take(header.timeCount))
            var raw: [(offset: Int64, isDaylight: Bool, letters: Int)] = []
            for _ in 0..<header.typeCount {
                raw.append((try integer(4), try take(1).first == 1, Int(try take(1).first ?? 0)))
            }
            let letters = Array(try take(header.letterCount))
            try skip(header.leapCount * 12 + header.isStandardCount + header.isUTCount)
            for type in raw {
                // RFC 8536 3.2: offsets lie between -25 and 26 hours.
                guard (-93_600...93_600).contains(type.offset) else { throw damaged("an offset of \(type.offset) s") }
                guard type.letters < letters.count else { throw damaged("an abbreviation out of range") }
                let text = letters[type.letters...].prefix { $0 != 0 }
                body.types.append(
                    Zone.LocalType(
                        offsetSeconds: Int(type.offset), isDaylight: type.isDaylight,
                        abbreviation: String(decoding: text, as: UTF8.self)))
            }
            guard zip(body.times, body.times.dropFirst()).allSatisfy({ $0 < $1 }) else {
                throw damaged("its times do not ascend")
            }
            guard body.typeIndices.allSatisfy({ $0 < header.typeCount }) else {
                throw damaged("a kind of time out of range")
            }
            return body
        }

        mutating func footer() throws(ZoneError) -> String {
            let rest = bytes[position...]
            guard rest.first == UInt8(ascii: "\n"), let end = rest.dropFirst().firstIndex(of: UInt8(ascii: "\n")) else {
                throw damaged("its footer is missing")
            }
            return String(decoding: rest[rest.startIndex + 1..<end], as: UTF8.self)
        }
    }
}

/// Joins a file's table and its footer's rule into the segments of a ``Zone``.
struct ZoneBuilder {
    var starts: [Int64]
    var typeIndices: [UInt8]
    var types: [Zone.LocalType]
    var rule: PosixRule?

    init(body: TZif.Body, rule: PosixRule?) {
        // Before the first transition the first type holds (RFC 8536 3.2).
        starts = [.min]
        typeIndices = [0]
        types = body.types
        self.rule = rule
        for (time, type) in zip(body.times, body.typeIndices) where time > Zone.earliestSeconds {
            starts.append(time)
            typeIndices.append(type)
        }
    }

    func zone(name: String) -> Zone {
        var builder = self
        let repeatsFrom = builder.expand()
        return Zone(
            name: name, starts: builder.starts, typeIndices: builder.typeIndices, types: builder.types,
            repeatsFromSeconds: repeatsFrom)
    }

    /// Writes the rule's transitions out for the 400 years after which they repeat, and tells from when they do.
    private mutating func expand() -> Int64 {
        guard let rule else { return .max }
        let standard = index(of: rule.standard)
        let last = starts[starts.count - 1]
        guard let daylight = rule.daylight else {
            // The rule holds after the last transition of the table; usually it says what that one says.
            if typeIndices[typeIndices.count - 1] != standard, starts.count == 1 { typeIndices[0] = standard }
            return .max
        }
        let daylightIndex = index(of: daylight.type)
        let firstYear = last == .min ? 1970 : CivilDate(daysSinceEpoch: Int(floorDivide(last, 86_400).quotient)).year
        for year in firstYear...firstYear + 402 {
            let changes = rule.changes(year: year, daylight: daylight)
            for change in changes {
                let type = change.isDaylight ? daylightIndex : standard
                if change.seconds > starts[starts.count - 1] {
                    guard typeIndices[typeIndices.count - 1] != type else { continue }
                    starts.append(change.seconds)
                    typeIndices.append(type)
                } else if change.seconds == starts[starts.count - 1], change.seconds > last, change.isDaylight {
                    // Daylight time all year: it ends in the instant in which it begins again.
                    starts.removeLast()
                    typeIndices.removeLast()
                }
            }
        }
        let repeatsFrom = Int64(CivilDate.daysSinceEpoch(year: firstYear + 402, month: 1, day: 1)) * 86_400
        while starts[starts.count - 1] >= repeatsFrom {
            starts.removeLast()
            typeIndices.removeLast()
        }
        return starts[starts.count - 1] > last ? repeatsFrom : .max
    }

    private mutating func index(of type: Zone.LocalType) -> UInt8 {
        if let known = types.firstIndex(of: type) { return UInt8(known) }
        types.append(type)
        return UInt8(types.count - 1)
    }
}

extension Zone {
    /// Some files begin with a "big bang" transition; nothing before year 1 matters here.
    static let earliestSeconds: Int64 = -62_135_596_800
}
