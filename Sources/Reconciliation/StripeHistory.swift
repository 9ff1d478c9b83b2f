/// Since when there may be something at Stripe.
public enum StripeHistory {
    /// 2010-01-01T00:00:00Z, in Unix seconds. Stripe was founded in that year and opened to the public in September of
    /// the next (https://en.wikipedia.org/wiki/Stripe,_Inc.): no object is older, so that a list that was read from
    /// here on was read from its beginning.
    public static let beginsSeconds: Int64 = 1_262_304_000
    /// The same day, as a backfill names it.
    public static let firstDay = "2010-01-01"
    /// By when that day has begun in every zone, in Unix seconds; the last is twelve hours behind UTC. A backfill is
    /// given in days of its job's zone, so that from here on a list has to be read.
    public static let readFromSeconds: Int64 = beginsSeconds + 12 * 3_600
}
