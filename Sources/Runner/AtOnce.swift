/// Does the same for many items, a few at once, and gives the results in the order of the items. The first error ends
/// all.
///
/// One after the other, requests to a server that is far away take as long as the way there and back, each.
func atOnce<Item: Sendable, Value: Sendable>(
    _ items: [Item], _ limit: Int, _ body: @escaping @Sendable (Item) async throws -> Value
) async throws -> [Value] {
    try await withThrowingTaskGroup(of: (Int, Value).self) { group in
        var values: [Value?] = Array(repeating: nil, count: items.count)
        var rest = items.indices[...]
        for index in rest.prefix(limit) { group.addTask { (index, try await body(items[index])) } }
        rest = rest.dropFirst(limit)
        while let (index, value) = try await group.next() {
            values[index] = value
            try Task.checkCancellation()
            if let next = rest.popFirst() { group.addTask { (next, try await body(items[next])) } }
        }
        return values.compactMap { $0 }
    }
}
