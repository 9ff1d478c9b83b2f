import Schedule

/// The zones of one load, each read once.
final class ZoneCache {
    private var zones: [String: Result<Zone, ZoneError>] = [:]

    /// The zone, or `nil` after reporting why there is none.
    func zone(_ name: String, at place: SourceText.Place?, _ source: SourceText) -> Zone? {
        let result = zones[name] ?? load(name)
        zones[name] = result
        switch result {
        case .success(let zone): return zone
        case .failure(.unknown(let name, let nearest, _)):
            source.report(
                "unknown time zone \(quoted(name))", at: place, found: name,
                expected: "an IANA name, such as America/New_York", suggestion: nearest)
        case .failure(let error):
            source.report("\"time_zone\": \(error.description)", at: place)
        }
        return nil
    }

    private func load(_ name: String) -> Result<Zone, ZoneError> {
        do {
            return .success(try Zone.load(name))
        } catch {
            return .failure(error)
        }
    }
}
