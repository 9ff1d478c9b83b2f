import PostgreSQL
import Testing

private struct Planned: Error {}

@Suite struct PoolTests {
    @Test("no more connections open than the pool's size")
    func size() async throws {
        let target = try await Fixture.database()
        let pool = Pool(target, size: 3, applicationName: "sized")
        let pids = Recorder<Int32>()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<60 {
                group.addTask {
                    try await pool.withConnection { connection in
                        pids.append(await connection.backendPID)
                        _ = try await connection.query("SELECT pg_sleep(0.002)")
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(pids.values.count == 60)
        #expect(Set(pids.values).count <= 3)
        #expect(pool.load.idle <= 3)
        #expect(pool.load.lent == 0)
        await pool.close()
        #expect(pool.load.idle == 0)
        let watcher = try await Connection.open(target, applicationName: "watcher")
        // A backend notices the end of its connection a moment later.
        for _ in 0..<100 {
            let sql = "SELECT FROM pg_stat_activity WHERE application_name = 'sized' AND datname = current_database()"
            if try await watcher.query(sql).isEmpty { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        Issue.record("connections of the closed pool are still open")
    }

    @Test("who waits longest is served first")
    func order() async throws {
        let pool = Pool(try await Fixture.database(), size: 1, applicationName: "fair")
        let order = Recorder<Int>()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await pool.withConnection { _ in
                    while pool.load.waiting < 10 { try await Task.sleep(for: .milliseconds(1)) }
                }
            }
            while pool.load.lent == 0 { try await Task.sleep(for: .milliseconds(1)) }
            for number in 0..<10 {
                group.addTask { try await pool.withConnection { _ in order.append(number) } }
                while pool.load.waiting < number + 1 { await Task.yield() }
            }
            try await group.waitForAll()
        }
        #expect(order.values == Array(0..<10))
        await pool.close()
    }

    @Test("a cancelled waiter leaves the queue at once")
    func cancelledWaiter() async throws {
        let pool = Pool(try await Fixture.database(), size: 1, applicationName: "queue")
        try await pool.withConnection { _ async throws in
            let waiter = Task { try await pool.withConnection { _ in } }
            while pool.load.waiting == 0 { await Task.yield() }
            waiter.cancel()
            #expect(try await postgresError { try await waiter.value }.isCancelled)
            #expect(pool.load.waiting == 0)
        }
        #expect(try await pool.withConnection { try await $0.query("SELECT 1") }.count == 1)
        await pool.close()
    }

    @Test("waiting is bounded in number and time")
    func limits() async throws {
        let pool = Pool(
            try await Fixture.database(), size: 1, applicationName: "limits", waitersMaximum: 1, waitSecondsMaximum: 1)
        try await pool.withConnection { _ async throws in
            let waiter = Task { try await pool.withConnection { _ in } }
            while pool.load.waiting == 0 { await Task.yield() }
            let crowded = try await postgresError { try await pool.withConnection { _ in } }
            guard case .poolExhausted = crowded.kind else { throw crowded }
            let late = try await postgresError { try await waiter.value }
            guard case .poolExhausted = late.kind else { throw late }
        }
        await pool.close()
        let closed = try await postgresError { try await pool.withConnection { _ in } }
        guard case .poolClosed = closed.kind else { throw closed }
    }

    @Test("a connection that broke while idle is replaced without the caller's notice")
    func brokenWhileIdle() async throws {
        let target = try await Fixture.database()
        let pool = Pool(target, size: 1, applicationName: "broken")
        let pid = try await pool.withConnection { await $0.backendPID }
        let killer = try await Connection.open(target, applicationName: "killer")
        _ = try await killer.query("SELECT pg_terminate_backend($1, 5000)", pid)
        let next = try await pool.withConnection { connection in
            _ = try await connection.query("SELECT 1")
            return await connection.backendPID
        }
        #expect(next != pid)
        await pool.close()
    }

    @Test("what one caller leaves behind does not reach the next")
    func cleanliness() async throws {
        let pool = Pool(try await Fixture.database(), size: 1, applicationName: "clean")
        await #expect(throws: Planned.self) {
            try await pool.withConnection { connection in
                try await connection.setStatementTimeout(milliseconds: 1_234)
                try await connection.run(script: "CREATE TABLE kept (a int)")
                try await connection.run(script: "BEGIN; CREATE TABLE lost (a int)")
                throw Planned()
            }
        }
        try await pool.withConnection { connection in
            let row = try #require(
                try await connection.query(
                    "SELECT current_setting('statement_timeout') AS t, to_regclass('kept') IS NOT NULL AS kept, "
                        + "to_regclass('lost') IS NOT NULL AS lost, current_setting('timezone') AS zone"
                ).first)
            #expect(try row["t"] == "0")
            #expect(try row["kept"] == true)
            #expect(try row["lost"] == false)
            #expect(try row["zone"] == "UTC")
            try await connection.setStatementTimeout(milliseconds: 1_234)
        }
        try await pool.withConnection { connection in
            let row = try await connection.query("SELECT current_setting('statement_timeout')").first
            #expect(try row?[0] == "0")
        }
        await pool.close()
    }

    @Test("a pool whose server is not there fails each caller and recovers its places")
    func noServer() async throws {
        let nowhere = ConnectionTarget(socketDirectory: "/nonexistent", database: "d", user: "u")
        let pool = Pool(nowhere, size: 2, applicationName: "nowhere")
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<20 {
                group.addTask { await #expect(throws: PostgresError.self) { try await pool.withConnection { _ in } } }
            }
        }
        #expect(pool.load == (0, 0, 0))
    }
}
