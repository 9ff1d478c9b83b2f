import PostgreSQL

/// The table of the Stripe customers that stand for patients, as `pg_catalog` has it.
public struct CustomerTable: Sendable, Hashable {
    /// Schema and table, quoted.
    public let name: String
    /// For people: `public.stripe_customer_patient_assoc`.
    public let plainName: String
    public let customer: String
    /// `nil` where the table does not say which patient it is.
    public let patientID: String?

    private static let customerRole = TableRole("customer", "stripe_customer_id", TableRole.texts)
    private static let patientRole = TableRole("patient_id", "patient_id", TableRole.integers + TableRole.texts)

    /// Looks the contract up in the catalog.
    /// - Parameter columns: the column of each role that the job file names; other roles have their standard name. The
    ///   role `patient_id` may be missing where the file does not name it.
    /// - Throws: ``ContractError`` that names what is missing or has another type.
    public static func resolve(
        schema: String, table: String, columns: [String: String], on connection: Connection
    ) async throws -> CustomerTable {
        let catalog = try await TableCatalog.read(schema: schema, table: table, on: connection)
        let hasPatient = columns["patient_id"] != nil || catalog.types[patientRole.column] != nil
        let roles = hasPatient ? [customerRole, patientRole] : [customerRole]
        let quoted = try catalog.columns(of: roles, named: columns)
        return CustomerTable(
            name: catalog.name, plainName: catalog.plainName, customer: quoted["customer"],
            patientID: hasPatient ? quoted["patient_id"] : nil)
    }

    /// Row-level security that hides rows would make a comparison lie.
    /// - Throws: ``ContractError/hiddenRows(_:)``.
    public func refuseHiddenRows(on connection: Connection) async throws {
        try await TableCatalog.refuseHiddenRows(of: name, plainName: plainName, on: connection)
    }
}
