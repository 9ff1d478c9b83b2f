/// What `after` names and nobody ever waits for: jobs that start by hand alone. A warning, since a report rests on the
/// last runs of such jobs, too. Also the jobs without a schedule that come after none but such jobs.
struct AfterByHand {
    private(set) var warnings: [JobFileError] = []

    init(_ files: [JobFile]) {
        let byHand = Set(
            files.filter { file in
                file.result.map { $0.definition.schedule == nil && $0.afterPlaces.isEmpty } ?? false
            }.map(\.name))
        guard !byHand.isEmpty else { return }
        let jobs = files.compactMap { $0.result?.definition }
        // Of what is not read here, or is wrong, nothing is known.
        let unknown = Set(jobs.flatMap(\.after)).subtracting(jobs.map(\.name))
        let timed = TimedJobs(jobs, others: unknown)
        for file in files {
            let all = file.result?.afterPlaces ?? []
            let places = all.filter { byHand.contains($0.name) }
            let neverRuns = !all.isEmpty && !timed.contains(file.name)
            // The text was let go after reading; it is needed again only for this.
            guard neverRuns || !places.isEmpty, case .success(let source) = Loader.read(file.path) else { continue }
            let consequence = neverRuns ? ", and this job, which has no \"schedule\", never runs by itself" : ""
            for (name, place) in places {
                source.warn(
                    "\"after\" names \(quoted(name)), which has neither \"schedule\" nor \"after\" and starts by hand "
                        + "alone, so that no run ever waits for it" + consequence, at: place)
            }
            if places.isEmpty {
                source.warn(
                    "what \"after\" names comes after jobs that start by hand alone" + consequence,
                    at: all.first?.place)
            }
            warnings += source.warnings
        }
    }
}
