import PostgreSQL
import Store

/// Where the application keeps an agency's customer of an account.
public enum AgencyCustomers {
    /// Why nothing was written.
    public enum Refusal: Error, Sendable, Equatable, CustomStringConvertible {
        case noAgency(Int64)
        case hasOne(agencyID: Int64, customer: String)

        public var description: String {
            switch self {
            case .noAgency(let id): "There is no agency \(id)."
            case .hasOne(let id, let customer): "Agency \(id) has the customer \(customer) already."
            }
        }
    }

    /// The agency's customer on the account; `nil`: it has none.
    /// - Throws: ``Refusal/noAgency(_:)``; `PostgresError`.
    public static func customer(
        ofAgency id: Int64, account: String, on connection: Connection
    ) async throws -> String? {
        let column = quoteIdentifier(customerColumn(account))
        let rows = try await connection.query("SELECT \(column) AS customer FROM public.agency WHERE id = $1", id)
        guard let row = rows.first else { throw Refusal.noAgency(id) }
        return try row["customer"]
    }

    /// Writes the agency's customer; one that is there is never overwritten.
    /// - Throws: ``Refusal``; `PostgresError`.
    public static func store(
        _ customer: String, ofAgency id: Int64, account: String, on connection: Connection
    ) async throws {
        let column = quoteIdentifier(customerColumn(account))
        let written = try await connection.execute(
            "UPDATE public.agency SET \(column) = $2 WHERE id = $1 AND (\(column) IS NULL OR \(column) = $2)", id,
            customer)
        guard written == 0 else { return }
        guard let other = try await Self.customer(ofAgency: id, account: account, on: connection) else {
            throw Refusal.noAgency(id)
        }
        throw Refusal.hasOne(agencyID: id, customer: other)
    }
}
