import Jobs
import PostgreSQL
import Runner
import Store

// The jobs of a night, as the files of `jobs/` have them.
extension Night {
    /// Every reconcile job whose accounts the world has.
    var jobs: [JobDefinition] {
        let orders = setup.account == "task_health" ? [definition()] : []
        return (orders + [charges(), notices(), customers(), payments()]).filter {
            Set($0.kind.accounts).isSubset(of: setup.histories.keys)
        }
    }

    private func reconcile(_ name: String, _ job: ReconcileJob) -> JobDefinition {
        JobDefinition(name: name, hash: "hash of \(name)", kind: .reconcile(job))
    }

    /// Charges of agencies against payment intents.
    func charges(_ change: (inout ReconcileJob) -> Void = { _ in }) -> JobDefinition {
        var job = ReconcileJob(
            accounts: ["medflyt"], object: .paymentIntent, lookBackSeconds: setup.lookBackSeconds,
            table: TableContract(
                name: "agency_charge", columns: [.id: "stripe_payment_intent_id", .status: "status"]),
            limits: setup.limits)
        change(&job)
        return reconcile("agency-charges", job)
    }

    /// Notices of the agencies' invoices, on every account that has such.
    func notices() -> JobDefinition {
        let accounts = setup.histories.keys.filter { $0 != "task_health" }.sorted()
        return reconcile(
            "agency-invoices",
            ReconcileJob(
                accounts: accounts.isEmpty ? ["default"] : accounts, lookBackSeconds: setup.lookBackSeconds,
                table: TableContract(
                    name: "agency_invoice_notice",
                    columns: [.id: "stripe_invoice_id", .account: "account", .sentAt: "sent_at"]),
                limits: setup.limits))
    }

    /// Payments of patients.
    func customers() -> JobDefinition {
        reconcile(
            "patient-payments",
            ReconcileJob(
                accounts: ["default"], object: .paymentIntent, lookBackSeconds: setup.lookBackSeconds,
                table: TableContract(
                    name: "stripe_customer_patient_assoc", columns: [.customer: "stripe_customer_id"]),
                limits: setup.limits))
    }

    /// Payments of credit orders.
    func payments() -> JobDefinition {
        reconcile(
            "credit-payment-intents",
            ReconcileJob(
                accounts: ["task_health"], object: .paymentIntent, lookBackSeconds: setup.lookBackSeconds,
                table: TableContract(
                    name: "task_credit_stripe_invoice", columns: [.id: "stripe_invoice_id", .paid: "paid"]),
                limits: setup.limits))
    }

    /// The expiry of every account.
    func expire() -> JobDefinition {
        JobDefinition(
            name: "expire-drafts", hash: "hash of expire-drafts",
            kind: .expire(ExpireJob(accounts: setup.histories.keys.sorted(), limits: setup.limits)))
    }

    static let replayed = [
        "invoice.finalized", "invoice.paid", "invoice.voided", "payment_intent.succeeded", "payment_intent.canceled",
    ]

    /// The replay of every account.
    func replay(_ events: [String] = Night.replayed) -> JobDefinition {
        JobDefinition(
            name: "replay-events", hash: "hash of replay-events",
            kind: .replay(
                ReplayJob(accounts: setup.histories.keys.sorted(), events: events, limits: setup.limits)))
    }

    // MARK: - Plans

    /// Applies a plan on connections of its own.
    func apply(
        _ plan: Plan, definition: JobDefinition? = nil, canSend: Bool = false
    ) async throws -> PlanRun.Result {
        let pool = Pool(target, size: 4, applicationName: "apply")
        do {
            let result = try await PlanRun(
                plan: plan, path: "plan.json", definition: definition ?? self.definition(), jobs: jobs,
                clients: clients(), pool: pool, origin: Self.origin, canSend: canSend
            ).apply()
            await pool.close()
            return result
        } catch {
            await pool.close()
            throw error
        }
    }

    /// The plan that takes back what a run did.
    func revert(_ runID: Int64, definition: JobDefinition? = nil) async throws -> Plan {
        let definition = definition ?? self.definition()
        return try await Plan.revert(
            runID: runID, jobs: jobs.filter { $0.name != definition.name } + [definition], pool: pool,
            origin: Self.origin, nowSeconds: NightSetup.nowSeconds)
    }
}
