/// Reading parameters as Stripe does, with its refusals.
extension Parameters {
    /// Refuses every parameter that is not one of `known`.
    func allow(_ known: Set<String>) throws(SandboxError) {
        for name in names where !known.contains(name) { throw .unknown(name) }
    }

    func integer(_ name: String) throws(SandboxError) -> Int64? {
        guard let text = value(name), !text.isEmpty else { return nil }
        guard let number = Int64(text), number.magnitude < 1_000_000_000_000 else { throw .notAnInteger(name, text) }
        return number
    }

    func boolean(_ name: String) throws(SandboxError) -> Bool? {
        switch value(name) {
        case nil, "": nil
        case "true", "1": true
        case "false", "0": false
        case .some(let text):
            throw SandboxError(400, "Invalid boolean: \(text)", code: "parameter_invalid_boolean", param: name)
        }
    }

    func required(_ name: String) throws(SandboxError) -> String {
        guard let text = value(name), !text.isEmpty else { throw .missing(name) }
        return text
    }

    /// Whether a list is to say how many there are on all its pages.
    var countsAll: Bool { list("expand").contains("total_count") }

    /// `limit`, the cursors and the window of `created`.
    func listFilter() throws(SandboxError) -> ListFilter {
        var filter = ListFilter()
        if let limit = try integer("limit") {
            guard limit >= 1 else {
                throw SandboxError(
                    400, "This value must be greater than or equal to 1.", code: "parameter_invalid_integer",
                    param: "limit")
            }
            guard limit <= 100 else {
                throw SandboxError(
                    400, "This value must be less than or equal to 100 (it currently is '\(limit)').",
                    code: "parameter_invalid_integer", param: "limit")
            }
            filter.limit = Int(limit)
        }
        filter.startingAfter = value("starting_after").flatMap { $0.isEmpty ? nil : $0 }
        filter.endingBefore = value("ending_before").flatMap { $0.isEmpty ? nil : $0 }
        if filter.startingAfter != nil, filter.endingBefore != nil {
            throw SandboxError(
                400, "You may only specify one of these parameters: ending_before, starting_after.",
                param: "ending_before")
        }
        filter.counts = countsAll
        if let window = try window("created") {
            filter.fromSeconds = window.lowerBound
            filter.toSeconds = window.upperBound
        }
        return filter
    }

    /// The seconds that `name=…` or `name[gte]=…` and its like let through; `nil` where nothing is said.
    func window(_ name: String) throws(SandboxError) -> Range<Int64>? {
        var (from, to) = (Int64.min, Int64.max)
        var isGiven = false
        for entry in entries where entry.path[0] == name {
            isGiven = true
            guard let seconds = Int64(entry.value), seconds.magnitude < 1 << 40 else {
                throw .notAnInteger(entry.path.count > 1 ? "\(name)[\(entry.path[1])]" : name, entry.value)
            }
            switch entry.path.dropFirst().first {
            case nil: (from, to) = (seconds, seconds + 1)
            case "gt": from = max(from, seconds + 1)
            case "gte": from = max(from, seconds)
            case "lt": to = min(to, seconds)
            case "lte": to = min(to, seconds + 1)
            case .some(let bound): throw .unknown("\(name)[\(bound)]")
            }
        }
        return isGiven ? from..<max(from, to) : nil
    }
}
