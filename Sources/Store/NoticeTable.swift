import PostgreSQL

/// The table of the notices that agencies got about their invoices, as `pg_catalog` has it, and where the tables say
/// whom to tell.
public struct NoticeTable: Sendable, Hashable {
    /// Schema and table, quoted.
    public let name: String
    /// For people: `public.agency_invoice_notice`.
    public let plainName: String
    public let id: String
    public let account: String
    public let agencyID: String
    public let sentAt: String
    /// The quoted column of `public.agency` that holds the account's customer id.
    let customer: String
    /// SQL for an agency's name on the alias `a`; `NULL::text` where the tables have none.
    let agencyName: String
    /// Schema, table and columns as they are called, for what is filled in once the mail is sent.
    private let plain: SentMark

    private static let roles = [
        TableRole("id", "stripe_invoice_id", TableRole.texts), TableRole("account", "account", TableRole.texts),
        TableRole("agency_id", "agency_id", TableRole.integers), TableRole("sent_at", "sent_at", TableRole.instants),
    ]

    /// Looks the contract up in the catalog.
    /// - Parameters:
    ///   - columns: the column of each role that the job file names; other roles have their standard name.
    ///   - customerColumn: the column of `public.agency` that holds the account's customer id.
    /// - Throws: ``ContractError`` that names what is missing or has another type.
    public static func resolve(
        schema: String, table: String, columns: [String: String], customerColumn: String, on connection: Connection
    ) async throws -> NoticeTable {
        let catalog = try await TableCatalog.read(schema: schema, table: table, on: connection)
        let quoted = try catalog.columns(of: roles, named: columns)
        let agency = try await TableCatalog.read(schema: "public", table: "agency", on: connection)
        let agencyRoles = [
            TableRole("agency", "id", TableRole.integers), TableRole("email", "email", TableRole.texts),
            TableRole("customer", customerColumn, TableRole.texts),
        ]
        let agencyColumns = try agency.columns(of: agencyRoles, named: [:])
        return NoticeTable(
            name: catalog.name, plainName: catalog.plainName, id: quoted["id"], account: quoted["account"],
            agencyID: quoted["agency_id"], sentAt: quoted["sent_at"], customer: agencyColumns["customer"],
            agencyName: agency.types["name"] == nil ? "NULL::text" : "a.name::text",
            plain: SentMark(
                schema: schema, table: table, keyColumn: columns["id"] ?? "stripe_invoice_id", key: "",
                timeColumn: columns["sent_at"] ?? "sent_at"))
    }

    /// Row-level security that hides rows would make a comparison lie.
    /// - Throws: ``ContractError/hiddenRows(_:)``.
    public func refuseHiddenRows(on connection: Connection) async throws {
        try await TableCatalog.refuseHiddenRows(of: name, plainName: plainName, on: connection)
        try await TableCatalog.refuseHiddenRows(of: "public.agency", plainName: "public.agency", on: connection)
    }

    /// What is to be filled in when the notice of this invoice has been sent.
    public func sentMark(ofInvoice id: String) -> SentMark {
        var mark = plain
        mark.key = id
        return mark
    }

    /// SQL for the agencies by customer: columns `customer`, `id`, `agencies` (how many have it), `name` and `email`.
    /// White space around an address is no part of it.
    var agenciesSQL: String {
        """
        (SELECT a.\(customer)::text AS customer, min(a.id)::bigint AS id, count(*)::bigint AS agencies,
            min(\(agencyName)) AS name, nullif(min(btrim(a.email, \(Lookalikes.blanks))), '') AS email
         FROM public.agency a WHERE a.\(customer) IS NOT NULL GROUP BY a.\(customer))
        """
    }

    /// The agency that has this customer.
    public func agency(ofCustomer id: String, on connection: Connection) async throws -> Recipient? {
        try await connection.query(
            "SELECT id, agencies, name, email FROM \(agenciesSQL) found WHERE customer = $1", id
        ).first.map { row in
            Recipient(
                agencyID: try row["id"], agencies: Int(try row["agencies"] as Int64), name: try row["name"],
                email: try row["email"])
        }
    }

    /// Who is told about an invoice.
    public struct Recipient: Sendable, Hashable {
        public let agencyID: Int64
        /// How many agencies have the customer: with more than one, nobody knows whom to tell.
        public let agencies: Int
        public let name: String?
        public let email: String?
    }
}
