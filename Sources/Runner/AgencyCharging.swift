import Credits
import Jobs
import PostgreSQL
import Reconciliation
import Store
import Stripe

/// A payment to be taken from an agency, such as for an SMS boost or a recruitment.
public struct NewCharge: Sendable, Hashable {
    public var agencyID: Int64
    /// US cents, at least ``PaymentDraft/amountMin``.
    public var amount: Int64
    /// What the agency sees.
    public var description: String
    /// A word of the application's own, such as `sms_boost`.
    public var purpose: String?

    public init(agencyID: Int64, amount: Int64, description: String, purpose: String? = nil) {
        self.agencyID = agencyID
        self.amount = amount
        self.description = description
        self.purpose = purpose
    }
}

/// A charge and what came of the attempt to take its money.
public struct ChargeResult: Sendable, Hashable {
    /// How the attempt ended. The raw value stands in `trueup.charge_attempt`; for ``needsPerson`` it is there what the
    /// payment has come to, with the reason beside it.
    public enum Outcome: String, Sendable, Hashable {
        /// The money is there.
        case succeeded
        /// A bank transfer is under way; the row stays pending until Stripe tells.
        case processing
        /// The bank wants the agency to confirm, and nobody is there; the row stays pending.
        case requiresAction = "requires_action"
        /// The bank said no: the row is failed.
        case declined
        /// Stripe took no attempt: the row is failed.
        case refused
        /// Somebody gave the payment up: the row is canceled.
        case canceled
        /// No answer says what happened. The row stays pending: the job of the charges finds the payment by its
        /// metadata, and asking again under the same key goes on from there.
        case unknown
        /// There is a payment, and the rules forbid to change the row for it by itself: it is of another customer than
        /// the agency's, or was given back since. The row's status stays as it is, and the nightly run lists the
        /// difference.
        case needsPerson = "needs_a_person"

        /// For a person: what is still open, and what settles it; `nil` where nothing is.
        public var next: String? {
            switch self {
            case .processing:
                "The money is on its way and not there yet: a bank transfer takes some days. Stripe's webhook, or the "
                    + "nightly run, settles the row. Do not charge it again."
            case .requiresAction:
                "No money came in: the agency has to confirm the payment at its bank. Stripe's webhook, or the nightly "
                    + "run, settles the row."
            case .unknown:
                "Nobody knows yet whether money came in. The same command under the same --key goes on where it "
                    + "stopped; the nightly run finds the payment too. Do not charge it under another key."
            case .needsPerson:
                "There is a payment, and a person decides: the row's status stays as it is, and the nightly run lists "
                    + "the difference among its findings. Do not charge it again, under this key or another."
            case .succeeded, .declined, .refused, .canceled: nil
            }
        }
    }

    public var chargeID: Int64
    /// pi_…; `nil` while none is known. The row names it once it counts for it.
    public var intentID: String?
    public var outcome: Outcome
    /// The row's status.
    public var status: ChargeStatus
    /// Stripe's words or ours, where there is something to say.
    public var detail: String?
}

/// Why no charge was made.
public enum ChargingError: AdvisesCommand, Equatable {
    /// The key is empty or longer than 255 characters.
    case badKey
    /// The same key came with another charge before.
    case keyConflict
    case tooSmall(Int64)
    case noAgency(Int64)
    /// The agency has no Stripe customer on the account.
    case noCustomer(agencyID: Int64, account: String)
    /// The customer has nothing to pay with.
    case noPaymentMethod(agencyID: Int64, customer: String)
    case noCharge(Int64)

    public var advice: Advice {
        switch self {
        case .badKey: "The key must have 1 to 255 characters."
        case .keyConflict: "This key was used for another charge. Use a new key for a new charge."
        case .tooSmall(let amount):
            "\(amount) cents is below Stripe's minimum of \(PaymentDraft.amountMin) cents. Nothing was charged."
        case .noAgency(let id): "There is no agency \(id). Nothing was charged."
        case .noCustomer(let agency, let account):
            "Agency \(agency) has no Stripe customer on account \(account). Nothing was charged."
        case .noPaymentMethod(let agency, let customer):
            """
            Agency \(agency) (\(customer)) has no default payment method. Nothing was charged. \
            Set one: \(command: "trueup stripe payment-method default")
            """
        case .noCharge(let id): "There is no charge \(id)."
        }
    }
}

/// Charges agencies' default payment methods, off-session (`chargeAgency`).
///
/// The row comes first, pending, and the payment carries a key made from it. Whatever cuts it off, the row says that
/// money may have been taken, and the payment names the row: the job of the charges brings them together. Before each
/// attempt it is noted whose payment it is to be: the agency may have another customer when somebody asks again.
public struct AgencyCharging: Sendable {
    let table: ChargeTable
    let client: StripeClient
    let pool: Pool
    /// Called after each step, for tests that stop it there.
    package var checkpoint: @Sendable (ChargeStep) async throws -> Void = { _ in }

    /// - Parameters:
    ///   - table: the charges of the client's account.
    ///   - client: the account that agencies are charged on: Medflyt's.
    public init(table: ChargeTable, client: StripeClient, pool: Pool) {
        self.table = table
        self.client = client
        self.pool = pool
    }

    /// The charging on the table of the job that compares the charges of an account.
    /// - Throws: ``RunError`` where no job compares them; `ContractError`.
    public static func open(
        account: String, jobs: [JobDefinition], client: StripeClient, pool: Pool
    ) async throws -> AgencyCharging {
        guard let table = try await LiveTables.resolve(jobs, pool: pool).byAccount[account]?.charges else {
            throw RunError.noTable("no reconcile job compares charges with account \(account)")
        }
        return AgencyCharging(table: table, client: client, pool: pool)
    }

    /// Charges an agency, or goes on with the charge that was begun under this key before.
    /// - Parameter idempotencyKey: the caller's, 1 to 255 characters, valid within the agency; `nil`: every call is a
    ///   charge of its own.
    /// - Returns: what came of it. A decline is no error: it is how the charge ended.
    /// - Throws: ``ChargingError`` where nothing was attempted; `PostgresError`, `StripeError` where that is not known
    ///   yet: the row, if it is there, is pending.
    public func charge(_ new: NewCharge, idempotencyKey: String? = nil) async throws -> ChargeResult {
        guard new.amount >= PaymentDraft.amountMin else { throw ChargingError.tooSmall(new.amount) }
        let once = OnceForKey(badKey: ChargingError.badKey, keyConflict: ChargingError.keyConflict)
        return try await once(idempotencyKey) { try await attempt(new, key: $0) }
    }

    private func attempt(_ new: NewCharge, key: String) async throws -> ChargeResult {
        try await pool.withConnection { connection in
            let (row, isNew) = try await record(new, key: key, on: connection)
            try await checkpoint(.row)
            return try await RowTurn.hold(.charge, row, on: connection) {
                try await take(row, new, isNew: isNew, on: connection)
            }
        }
    }
}

/// Where charging may be cut off.
package enum ChargeStep: String, Sendable, Hashable, CaseIterable {
    case row, begun, intent, stored
}
