/// Which objects are read one by one, and which by a page of the list that they are in: whichever takes fewer requests
/// (DESIGN section 2, pass b).
///
/// A page begins behind any object of the list, so that the fewest pages that hold all wanted objects are found by
/// beginning each at the newest one that no page holds yet. Where that is, is known from the local rows, which were
/// made in nearly the same order as the objects.
public struct ReadingPlan: Sendable, Hashable {
    /// Wanted objects, by their index, that one page should hold. The newest is the first.
    public private(set) var pages: [Range<Int>] = []
    /// Wanted objects, by their index, that are read by id: no page holds two of them.
    public private(set) var single: [Int] = []

    /// Requests that the plan should take.
    public var requests: Int { single.count + pages.count }

    /// Objects of a page, the most that Stripe gives.
    public static let perPage = 100
    /// A page begins so many rows above the newest object that is wanted of it, and is not relied on for as many at its
    /// end: objects made at nearly the same time may have another order than their rows.
    public static let margin = 4

    /// The plan with the fewest requests.
    /// - Parameter places: the place of each wanted object's row among all rows that name an object, the newest row
    ///   first, in ascending order.
    public init(places: [Int64]) {
        let reach = Int64(Self.perPage - 2 * Self.margin)
        var first = 0
        while first < places.count {
            var end = first + 1
            while end < places.count, places[end] - places[first] < reach { end += 1 }
            if end - first == 1 { single.append(first) } else { pages.append(first..<end) }
            first = end
        }
    }
}
