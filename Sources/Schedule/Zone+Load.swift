extension Zone {
    /// Where systems keep the database.
    package static let databaseDirectories = ["/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo"]

    /// Loads a zone from the system's database.
    /// - Parameters:
    ///   - name: an IANA name, `America/New_York`. Upper and lower case matter, as they do to every other program.
    ///   - directory: the database; the system's when `nil`.
    /// - Throws: ``ZoneError``, which names the nearest zone.
    public static func load(_ name: String, directory: String? = nil) throws(ZoneError) -> Zone {
        guard isPlausible(name) else { throw .badName(String(name.prefix(80))) }
        guard let directory = directory ?? databaseDirectory else {
            if name == "UTC" || name == "Etc/UTC" { return Zone(name: name, like: .utc) }
            throw .noDatabase(searched: databaseDirectories)
        }
        let path = directory + "/" + name
        switch readFile(path, limitBytes: 1 << 20) {
        case .success(let bytes):
            guard bytes.starts(with: TZif.magic) else {
                throw .unknown(name, nearest: nearestName(to: name, directory: directory), directory: directory)
            }
            return try TZif.zone(name: name, path: path, bytes: bytes)
        case .failure(let failure) where failure.isMissing:
            throw .unknown(name, nearest: nearestName(to: name, directory: directory), directory: directory)
        case .failure(let failure):
            throw .unreadable(path: path, reason: failure.reason)
        }
    }

    /// The system's database, or `nil` when none is installed.
    public static var databaseDirectory: String? {
        databaseDirectories.first { isDirectory($0) }
    }

    /// The database's version, such as `2025b`, or `nil` where the system does not say.
    public static var databaseVersion: String? {
        databaseDirectory.flatMap { databaseVersion(directory: $0) }
    }

    /// Read from `tzdata.zi` (its first line is `# version 2025b`) or `+VERSION`.
    package static func databaseVersion(directory: String) -> String? {
        if case .success(let bytes) = readFile(directory + "/tzdata.zi", limitBytes: 1 << 20) {
            let words = bytes.prefix { $0 != UInt8(ascii: "\n") }.split(separator: UInt8(ascii: " "))
            if words.count == 3, words[1].elementsEqual("version".utf8) {
                return String(decoding: words[2], as: UTF8.self)
            }
        }
        if case .success(let bytes) = readFile(directory + "/+VERSION", limitBytes: 64) {
            return String(decoding: bytes.prefix { $0 > UInt8(ascii: " ") }, as: UTF8.self)
        }
        return nil
    }

    /// Every name in the database, sorted.
    public static func names(directory: String? = nil) -> [String] {
        guard let directory = directory ?? databaseDirectory else { return ["UTC"] }
        var names: [String] = []
        collectNames(in: directory, prefix: "", depth: 0, into: &names)
        return names.sorted()
    }

    private static func collectNames(in directory: String, prefix: String, depth: Int, into names: inout [String]) {
        for entry in listDirectory(directory) where isPlausible(prefix + entry) {
            let path = directory + "/" + entry
            if isDirectory(path) {
                if depth < 3 { collectNames(in: path, prefix: prefix + entry + "/", depth: depth + 1, into: &names) }
            } else if entry.utf8.first.map({ $0 >= UInt8(ascii: "A") && $0 <= UInt8(ascii: "Z") }) == true {
                names.append(prefix + entry)
            }
        }
    }

    private static func nearestName(to name: String, directory: String) -> String? {
        let names = names(directory: directory)
        let lowered = name.lowercased()
        // A city alone (`New_York`) is nearer to its zone than anything spelled like it.
        return names.first { $0.lowercased() == lowered }
            ?? names.first { $0.lowercased().hasSuffix("/" + lowered) }
            ?? nearestWord(to: name, among: names)
    }

    /// Letters, digits, `_`, `+`, `-` and `/`, not absolute, never upwards; `posix/` and `right/` are other databases.
    private static func isPlausible(_ name: String) -> Bool {
        guard !name.isEmpty, name.utf8.count <= 64, !name.hasPrefix("posix"), !name.hasPrefix("right") else {
            return false
        }
        let parts = name.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        return parts.allSatisfy { part in
            !part.isEmpty
                && part.allSatisfy { byte in
                    switch byte {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "+"),
                        UInt8(ascii: "-"):
                        true
                    default: false
                    }
                }
        }
    }

    private init(name: String, like other: Zone) {
        self.init(
            name: name, starts: other.starts, typeIndices: other.typeIndices, types: other.types,
            repeatsFromSeconds: other.repeatsFromSeconds)
    }
}
