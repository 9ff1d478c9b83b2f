/// What a list request asks for. See https://docs.stripe.com/api/pagination
public struct ListQuery: Sendable {
    /// Inclusive, unix seconds.
    public var createdFrom: Int64?
    /// Exclusive, unix seconds.
    public var createdTo: Int64?
    /// The id of the last object of the page before.
    public var startingAfter: String?
    /// The id of the first object of the page after.
    public var endingBefore: String?
    /// 1 to 100.
    public var limit: Int
    /// Further parameters as they are, for example `("types[]", "invoice.paid")`.
    public var filters: [(String, String)]

    public init(
        createdFrom: Int64? = nil, createdTo: Int64? = nil, startingAfter: String? = nil,
        endingBefore: String? = nil, limit: Int = 100, filters: [(String, String)] = []
    ) {
        self.createdFrom = createdFrom
        self.createdTo = createdTo
        self.startingAfter = startingAfter
        self.endingBefore = endingBefore
        self.limit = limit
        self.filters = filters
    }

    var parameters: FormParameters {
        var parameters = FormParameters()
        parameters.add("limit", .integer(Int64(limit)))
        if let createdFrom {
            parameters.add("created[gte]", .integer(createdFrom))
        }
        if let createdTo {
            parameters.add("created[lt]", .integer(createdTo))
        }
        if let startingAfter {
            parameters.add("starting_after", .text(startingAfter))
        }
        if let endingBefore {
            parameters.add("ending_before", .text(endingBefore))
        }
        for (name, value) in filters {
            parameters.add(name, .text(value))
        }
        return parameters
    }

    /// Why Stripe would refuse it, in words.
    var fault: String? {
        if limit < 1 || limit > 100 {
            return "limit is \(limit); Stripe takes 1 to 100"
        }
        if startingAfter != nil, endingBefore != nil {
            return "starting_after and ending_before exclude each other"
        }
        return nil
    }
}

/// One page of a list, newest object first.
public struct Page<Object: Sendable>: Sendable {
    public let objects: [Object]
    /// Whether more objects follow in the direction of the listing.
    public let hasMore: Bool
    /// req_…, or empty when the answer had none.
    public let requestID: String
    /// Size of the body.
    public let byteCount: Int
    /// How long the answer took, from the request to its last byte, without the wait for the rate limit.
    public let transferMicroseconds: Int64
}

/// One object, read or changed.
public struct Retrieved<Value: Sendable>: Sendable {
    public let value: Value
    /// req_…, or empty when the answer had none.
    public let requestID: String
}
