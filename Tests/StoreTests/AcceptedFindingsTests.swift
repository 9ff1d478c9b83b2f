import PostgreSQL
import Reconciliation
import Store
import Support
import Testing

@Suite("Differences that a person accepts")
struct AcceptedFindingsTests {
    /// Records one difference for the world's job and for another, and gives both ids.
    private static func record(
        _ stripeID: String, otherFacts: String = "{}", _ world: StagedWorld, _ other: Run
    ) async throws -> [Int64] {
        let findings = Findings(pool: world.pool)
        let own = FindingSample.found(stripeID)
        let twin = FindingSample.found(stripeID, job: other.job, facts: otherFacts)
        let recorded = [
            try await findings.record([own], for: RunFence(world.run))[0],
            try await findings.record([twin], for: RunFence(other))[0],
        ]
        #expect(recorded.map(\.state) == [.open, .open])
        return recorded.map(\.id)
    }

    private static func accept(_ id: Int64, _ world: StagedWorld) async throws {
        #expect(try await Findings(pool: world.pool).accept(id, by: "finance", note: "known"))
    }

    private static func states(_ ids: [Int64], _ world: StagedWorld) async throws -> [FindingState] {
        var states: [FindingState] = []
        for id in ids { states.append(try #require(try await Findings(pool: world.pool).finding(id: id)).state) }
        return states
    }

    /// Repairs a finding of the world's job.
    /// - Returns: whether a person has accepted it, and whether the repair is wanted.
    private static func repair(
        _ stripeID: String, _ id: Int64, _ world: StagedWorld
    ) async throws -> (isAccepted: Bool, isWanted: Bool) {
        let record = FindingSample.repair(of: FindingSample.found(stripeID), id, world.run)
        return try await world.pool.transaction(RunFence(world.run)) { connection in
            let isAccepted = try await Findings.isAccepted(id, on: connection)
            return (isAccepted: isAccepted, isWanted: try await record.insert(on: connection))
        }
    }

    @Test("what is accepted while its repair is under way is not wanted any more, in whichever job's list it is")
    func acceptedMeanwhile() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let other = try await FindingSample.begin("others", world.pool)
            let own = try await Self.record("in_1", world, other)
            try await Self.accept(own[0], world)
            let ofOwn = try await Self.repair("in_1", own[0], world)
            #expect(ofOwn.isAccepted && !ofOwn.isWanted)
            #expect(try await Self.states(own, world) == [.accepted, .open])

            let twin = try await Self.record("in_2", world, other)
            try await Self.accept(twin[1], world)
            let ofTwin = try await Self.repair("in_2", twin[0], world)
            #expect(ofTwin.isAccepted && !ofTwin.isWanted)
            #expect(try await Self.states(twin, world) == [.open, .accepted])
        }
    }

    @Test("what nobody accepted is closed in the list of every job; what was accepted on other facts stays so")
    func wanted() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let other = try await FindingSample.begin("others", world.pool)
            let open = try await Self.record("in_1", world, other)
            let ofOpen = try await Self.repair("in_1", open[0], world)
            #expect(!ofOpen.isAccepted && ofOpen.isWanted)
            #expect(try await Self.states(open, world) == [.closed, .closed])
            for id in open {
                #expect(try await Findings(pool: world.pool).finding(id: id)?.closedHow == .repaired)
            }

            let changed = try await Self.record("in_2", otherFacts: #"{"order": 1}"#, world, other)
            try await Self.accept(changed[1], world)
            let ofChanged = try await Self.repair("in_2", changed[0], world)
            #expect(!ofChanged.isAccepted && ofChanged.isWanted)
            #expect(try await Self.states(changed, world) == [.closed, .accepted])
        }
    }

    @Test("an acceptance that is taken back is taken back in every job's list, and each of them says so")
    func reopened() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let findings = Findings(pool: world.pool)
            let other = try await FindingSample.begin("others", world.pool)
            let same = try await Self.record("in_1", world, other)
            let another = try await Self.record("in_2", world, other)
            for id in same + [another[0]] { try await Self.accept(id, world) }
            // Found by a third job since: what is accepted of one is accepted of all.
            let third = try await FindingSample.begin("thirds", world.pool)
            let found = FindingSample.found("in_1", job: third.job)
            let late = try await findings.record([found], for: RunFence(third))[0]
            #expect(late.state == .accepted)
            let all = same + [late.id]

            #expect(try await findings.reopen(same[1], by: "ana", note: "after all") == all.sorted())
            for id in same {
                let notes = try await findings.notes(of: id)
                #expect(notes.map(\.what) == ["accepted", "reopened"])
                #expect(notes.last?.writtenBy == "ana" && notes.last?.note == "after all")
            }
            #expect(try await findings.notes(of: late.id).map(\.what) == ["reopened"])
            #expect(try await Self.states(all, world) == [.open, .open, .open])
            #expect(try await Self.states(another, world) == [.accepted, .open])
            #expect(try await findings.notes(of: another[0]).map(\.what) == ["accepted"])
            // Nothing is accepted of it any more, and of no such finding.
            for id in [same[0], 99_999] {
                #expect(try await findings.reopen(id, by: "ana", note: "again").isEmpty)
            }
            #expect(try await findings.notes(of: same[0]).count == 2)
            let again = try await findings.record([found], for: RunFence(third))[0]
            #expect(again.state == .open)
        }
    }
}
