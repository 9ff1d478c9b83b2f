/// Instants as ISO 8601 texts with an offset, for people and for interfaces.
public enum ISOTime {
    /// `2026-03-08T03:00:00-04:00`: the wall clock in the zone and its offset. Offsets of whole minutes only are
    /// written exactly; zones had others before 1972.
    public static func text(_ seconds: Int64, in zone: Zone) -> String {
        let offset = zone.offsetSeconds(at: seconds)
        let (day, time) = floorDivide(seconds + offset, 86_400)
        let clock = padded(Int(time / 3600), 2) + ":" + padded(Int(time / 60 % 60), 2) + ":" + padded(Int(time % 60), 2)
        return "\(CivilDate(daysSinceEpoch: Int(day)))T\(clock)\(offsetText(offset))"
    }

    /// `+05:30`; with seconds (`-00:01:15`) only where an offset has some.
    private static func offsetText(_ offset: Int64) -> String {
        let size = Int(offset.magnitude)
        let seconds = size % 60 == 0 ? "" : ":" + padded(size % 60, 2)
        return (offset < 0 ? "-" : "+") + padded(size / 3600, 2) + ":" + padded(size / 60 % 60, 2) + seconds
    }

    /// The instant of `2026-03-08T03:00:00-04:00` (or with `Z`, a space for the `T`, or fractions of a second, which
    /// are dropped). `nil` for anything else: a time without an offset is not an instant.
    public static func seconds(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.count <= 40, let date = CivilDate(String(text.prefix(10))),
            bytes[10] == UInt8(ascii: "T") || bytes[10] == UInt8(ascii: " "),
            let time = clock(bytes[11..<19])
        else { return nil }
        var rest = bytes[19...]
        if rest.first == UInt8(ascii: ".") {
            let digits = rest.dropFirst().prefix { (48...57).contains($0) }
            guard !digits.isEmpty else { return nil }
            rest = rest[digits.endIndex...]
        }
        guard let offset = offset(rest) else { return nil }
        return Int64(date.daysSinceEpoch) * 86_400 + time - offset
    }

    /// `HH:MM:SS`
    private static func clock(_ bytes: ArraySlice<UInt8>) -> Int64? {
        let parts = bytes.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count == 3, parts.allSatisfy({ $0.count == 2 }), let hour = decimal(parts[0]), hour < 24,
            let minute = decimal(parts[1]), minute < 60, let second = decimal(parts[2]), second < 60
        else { return nil }
        return Int64(hour * 3600 + minute * 60 + second)
    }

    /// `Z`, `+05:30` or `+0530`
    private static func offset(_ bytes: ArraySlice<UInt8>) -> Int64? {
        guard let sign = bytes.first else { return nil }
        if sign == UInt8(ascii: "Z") { return bytes.count == 1 ? 0 : nil }
        guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") else { return nil }
        let digits = bytes.dropFirst().filter { $0 != UInt8(ascii: ":") }
        guard digits.count == 4, bytes.count <= 6, let hour = decimal(digits.prefix(2)), hour <= 26,
            let minute = decimal(digits.suffix(2)), minute < 60
        else { return nil }
        let seconds = Int64(hour * 3600 + minute * 60)
        return sign == UInt8(ascii: "-") ? -seconds : seconds
    }
}
