import PostgreSQL
import Reconciliation
import Store
import Support
import Testing

@Suite("Signing reports")
struct SigningTests {
    private static func prepared(
        by person: String, login: String? = nil, shared: Bool = false, accepted: String = "", supersedes: Int64? = nil
    ) -> NewSignature {
        NewSignature(
            role: "preparer", person: person, note: "Tied.", systemUser: login ?? person + "@host",
            isSharedLogin: shared, accepted: accepted, supersedes: supersedes)
    }

    private static func reviewed(
        by person: String, login: String? = nil, shared: Bool = false, accepted: String = ""
    ) -> NewSignature {
        NewSignature(
            role: "reviewer", person: person, note: "Read.", systemUser: login ?? person + "@host",
            isSharedLogin: shared, accepted: accepted)
    }

    private static func keep(_ scene: StatementScene, cutOff: Int64 = StatementScene.cutOff) async throws -> Int64 {
        try await scene.keep(try await scene.figures(scene.scope(cutOff: cutOff)), cutOff: cutOff)
    }

    @Test("a typed name is no second person: one login cannot prepare and review, unless the settings share it")
    func logins() async throws {
        try await StatementScene.with { scene in
            let id = try await Self.keep(scene)
            let reports = StoredReports(pool: scene.pool)
            try await reports.sign(id, Self.prepared(by: "dana", login: "ops@one"))
            // The same user on another machine is the same user.
            do {
                try await reports.sign(id, Self.reviewed(by: "miriam", login: "ops@two"))
                Issue.record("it was signed")
            } catch let error as SignError {
                guard case .sameLogin(id, person: "dana", systemUser: "ops@one", let user) = error else {
                    throw error
                }
                #expect(!user.isEmpty && error.description.contains("shared_login: true"))
            }
            try await reports.sign(id, Self.reviewed(by: "miriam", login: "ops@two", shared: true))
            let signatures = try await reports.signatures(of: id)
            #expect(signatures.map(\.systemUser) == ["ops@one", "ops@two"])
            #expect(signatures.map(\.isSharedLogin) == [false, true])
            let user: String = try await scene.pool.withConnection { connection in
                try await connection.query("SELECT session_user::text AS name")[0]["name"]
            }
            #expect(signatures.allSatisfy { $0.databaseUser == user })
        }
    }

    @Test("a name in other letters of the same kind is no other person")
    func lookalikes() async throws {
        try await StatementScene.with { scene in
            let id = try await Self.keep(scene)
            let reports = StoredReports(pool: scene.pool)
            try await reports.sign(id, Self.prepared(by: "Dana", login: "ops@one"))
            for name in ["ｄana", " dana", "ＤＡＮＡ"] {
                await #expect(throws: SignError.samePerson(id, person: "Dana")) {
                    try await reports.sign(id, Self.reviewed(by: name, login: "ops@two", shared: true))
                }
            }
            for name in ["ᴅana", "dɑna", "D4NA".replacing("4", with: "ᴀ")] {
                await #expect(throws: SignError.lookAlike(id, person: "Dana", typed: name)) {
                    try await reports.sign(id, Self.reviewed(by: name, login: "ops@two", shared: true))
                }
            }
            #expect("\(SignError.lookAlike(1, person: "Il", typed: "l1"))".contains("“l1” can be taken for that name"))
            try await reports.sign(id, Self.reviewed(by: "Dinah", login: "ops@two", shared: true))
        }
    }

    @Test("the database notes its own user, whatever an insert says")
    func forged() async throws {
        try await StatementScene.with { scene in
            let id = try await Self.keep(scene)
            try await scene.run(
                """
                INSERT INTO trueup.report_sign (report_id, role, person, note, manifest_sha256, system_user_name,
                    database_user_name) VALUES (\(id), 'preparer', 'dana', 'x', 'm', 'a@b', 'somebody_else')
                """)
            let user = try await StoredReports(pool: scene.pool).signatures(of: id).first?.databaseUser
            #expect(user != "somebody_else" && user?.isEmpty == false)
        }
    }

    @Test("a second statement of one cut-off supersedes the first explicitly, and counts once two people signed it")
    func supersede() async throws {
        try await StatementScene.with { scene in
            let cutOff = StatementScene.cutOff - 30 * StatementScene.day
            try await scene.paid(1, credits: 100, secondsBefore: 40 * StatementScene.day)
            try await scene.balance(1, 100)
            let reports = StoredReports(pool: scene.pool)
            let first = try await Self.keep(scene, cutOff: cutOff)
            try await reports.sign(first, Self.prepared(by: "dana"))
            try await reports.sign(first, Self.reviewed(by: "miriam"))
            let second = try await Self.keep(scene, cutOff: cutOff)
            await #expect(throws: SignError.otherStatement(second, other: first)) {
                try await reports.sign(second, Self.prepared(by: "dana"))
            }
            // A report of another cut-off is not what it could take the place of.
            let other = try await Self.keep(scene, cutOff: cutOff - StatementScene.day)
            await #expect(throws: SignError.cannotSupersede(second, other)) {
                try await reports.sign(second, Self.prepared(by: "dana", supersedes: other))
            }
            try await reports.sign(second, Self.prepared(by: "dana", supersedes: first))
            #expect(try await scene.figures().signed?.id == first)
            // Its preparer's signature alone takes nobody's place.
            let pending = try await reports.superseding(first)
            #expect(pending.supersededBy == second && !pending.isSuperseded)
            #expect(pending.pending == "to be superseded by report \(second), once its reviewer signs")
            #expect(try await !reports.superseding(second).isWhole)
            let third = try await Self.keep(scene, cutOff: cutOff)
            #expect(try await Self.counts(scene, cutOff: cutOff, otherThan: third) == first)
            // What a third one has to supersede is the second all the same, whose place none is about to take.
            await #expect(throws: SignError.otherStatement(third, other: second)) {
                try await reports.sign(third, Self.prepared(by: "dana"))
            }
            try await reports.sign(second, Self.reviewed(by: "miriam"))
            #expect(try await scene.figures().signed?.id == second)
            #expect(try await Self.counts(scene, cutOff: cutOff, otherThan: third) == second)
            let superseded = try await reports.superseding(first)
            #expect(superseded.supersededBy == second && superseded.isSuperseded && superseded.pending == nil)
            #expect(try await reports.superseding(second).note == "Tied.")
            await #expect(throws: SignError.supersededAlready(first)) {
                try await reports.sign(third, Self.prepared(by: "dana", supersedes: first))
            }
        }
    }

    @Test("what takes the place of one that was to take another's place takes both, and their pages are named")
    func chain() async throws {
        try await StatementScene.with { scene in
            let cutOff = StatementScene.cutOff - 30 * StatementScene.day
            try await scene.paid(1, credits: 100, secondsBefore: 40 * StatementScene.day)
            try await scene.balance(1, 100)
            let reports = StoredReports(pool: scene.pool)
            let first = try await Self.keep(scene, cutOff: cutOff)
            try await reports.sign(first, Self.prepared(by: "dana"))
            try await reports.sign(first, Self.reviewed(by: "miriam"))
            let second = try await Self.keep(scene, cutOff: cutOff)
            try await reports.sign(second, Self.prepared(by: "dana", supersedes: first))
            let third = try await Self.keep(scene, cutOff: cutOff)
            try await reports.sign(third, Self.prepared(by: "dana", supersedes: second))
            #expect(try await reports.superseding(first).supersededBy == third)
            #expect(try await reports.superseding(first).isSuperseded == false)
            #expect(try await reports.places(of: third) == [second, first])
            try await reports.sign(third, Self.reviewed(by: "miriam"))
            for older in [first, second] {
                let place = try await reports.superseding(older)
                #expect(place.supersededBy == third && place.isSuperseded)
            }
        }
    }

    /// The signed report of a cut-off that counts.
    private static func counts(_ scene: StatementScene, cutOff: Int64, otherThan id: Int64) async throws -> Int64? {
        try await scene.pool.withConnection {
            try await StoredReports.signed(
                job: "balance-report", cutOffSeconds: cutOff, otherThan: id, on: $0)?.report.id
        }
    }

    @Test("what is UNEXPLAINED is signed with a reason by each who signs, or not at all")
    func accepted() async throws {
        try await StatementScene.with { scene in
            try await scene.paid(1, credits: 100, secondsBefore: 3_600)
            try await scene.balance(1, 90)
            let id = try await Self.keep(scene)
            let reports = StoredReports(pool: scene.pool)
            #expect(try await reports.report(id: id)?.state == .unexplained)
            await #expect(throws: SignError.notWhole(id, .unexplained)) {
                try await reports.sign(id, Self.prepared(by: "dana"))
            }
            try await reports.sign(id, Self.prepared(by: "dana", accepted: "Ten credits given by phone."))
            await #expect(throws: SignError.notWhole(id, .unexplained)) {
                try await reports.sign(id, Self.reviewed(by: "miriam"))
            }
            try await reports.sign(id, Self.reviewed(by: "miriam", accepted: "Seen the mail."))
            let reasons = try await reports.signatures(of: id).map(\.accepted)
            #expect(reasons == ["Ten credits given by phone.", "Seen the mail."])
        }
    }

    @Test("numbers have no gap: one that became no report stays and says why")
    func numbers() async throws {
        try await StatementScene.with { scene in
            let reports = StoredReports(pool: scene.pool)
            let first = try await Self.keep(scene)
            let failed = try await reports.takeNumber(job: "balance-report", requestedBy: "dana@host").id
            try await reports.recordFailure("the disk is full", of: failed)
            let killed = try await reports.takeNumber(job: "balance-report", requestedBy: "dana@host").id
            let next = try await Self.keep(scene)
            #expect([first, failed, killed, next] == [1, 2, 3, 4])
            let unmade = try await reports.unmade()
            #expect(unmade.map(\.id) == [killed, failed])
            #expect(unmade.map(\.why) == [nil, "the disk is full"])
            // A report that was made has not failed, whatever comes after.
            try await reports.recordFailure("later", of: next)
            #expect(try await reports.unmade().map(\.id) == [killed, failed])
        }
    }

    @Test("one that was made by hand is compared with once it is signed, not before")
    func byHand() async throws {
        try await StatementScene.with { scene in
            let day = StatementScene.day
            let regular = try await Self.keep(scene, cutOff: StatementScene.cutOff - 2 * day)
            let hand = try await scene.keep(
                try await scene.figures(scene.scope(cutOff: StatementScene.cutOff - day)),
                cutOff: StatementScene.cutOff - day, isRegular: false)
            #expect(try await scene.figures().previous?.id == regular)
            #expect(try await scene.figures().trend.map(\.id) == [regular])
            let reports = StoredReports(pool: scene.pool)
            try await reports.sign(hand, Self.prepared(by: "dana"))
            #expect(try await scene.figures().previous?.id == regular)
            try await reports.sign(hand, Self.reviewed(by: "miriam"))
            #expect(try await scene.figures().previous?.id == hand)
        }
    }
}
