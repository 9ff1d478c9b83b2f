/// What `after` names and nobody ever waits for: jobs that start by hand alone. A warning, since a report rests on the
/// last runs of such jobs, too.
struct AfterByHand {
    private(set) var warnings: [JobFileError] = []

    init(_ files: [JobFile]) {
        let byHand = Set(
            files.filter { file in
                file.result.map { $0.definition.schedule == nil && $0.afterPlaces.isEmpty } ?? false
            }.map(\.name))
        guard !byHand.isEmpty else { return }
        for file in files {
            let places = (file.result?.afterPlaces ?? []).filter { byHand.contains($0.name) }
            // The text was let go after reading; it is needed again only for this.
            guard !places.isEmpty, case .success(let source) = Loader.read(file.path) else { continue }
            for (name, place) in places {
                source.warn(
                    "\"after\" names \(quoted(name)), which has neither \"schedule\" nor \"after\" and starts by hand "
                        + "alone, so that no run ever waits for it", at: place)
            }
            warnings += source.warnings
        }
    }
}
