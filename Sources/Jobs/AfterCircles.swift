/// The circles of `after`, each once, at the place that closes it.
struct AfterCircles {
    private(set) var errors: [JobFileError] = []

    init(_ files: [JobFile]) {
        let byName = Dictionary(uniqueKeysWithValues: files.map { ($0.name, $0) })
        var isDone: Set<String> = []
        for start in files where !isDone.contains(start.name) {
            // Depth first without recursion: a chain of 10,000 jobs is as good as one of two.
            var path: [(name: String, next: Int)] = [(start.name, 0)]
            var depths = [start.name: 0]
            while let (name, next) = path.last {
                let targets = byName[name]?.result?.afterPlaces ?? []
                guard next < targets.count else {
                    isDone.insert(name)
                    depths[name] = nil
                    path.removeLast()
                    continue
                }
                path[path.count - 1].next += 1
                let target = targets[next]
                if let first = depths[target.name] {
                    // A job after itself is reported where its file is read.
                    guard first < path.count - 1, let file = byName[name] else { continue }
                    let circle = path[first...].map(\.name) + [target.name]
                    errors.append(AfterCircles.error(circle, file, target.place))
                } else if !isDone.contains(target.name), byName[target.name] != nil {
                    depths[target.name] = path.count
                    path.append((target.name, 0))
                }
            }
        }
    }

    private static func error(_ circle: [String], _ file: JobFile, _ place: SourceText.Place?) -> JobFileError {
        let message = "\"after\" runs in a circle: \(circle.joined(separator: " → "))"
        // The text was let go after reading; it is needed again only for this.
        guard case .success(let source) = Loader.read(file.path) else {
            return JobFileError(file: file.path, line: place?.line, column: place?.column, message: message)
        }
        source.report(message, at: place)
        return source.errors[0]
    }
}
