import Foundation
import Glibc
import PostgreSQL
import Store
import Support
import Testing

/// What leaves, and what is told of what does not, with a mail server and a webhook of Slack's on real sockets.
@Suite("The outbox of the program", .timeLimit(.minutes(5)))
struct OutboxCommandTests {
    private static let ways = """
        delivery:
          email: {from: trueup@example.com}
          slack: {url_env: SLACK_WEBHOOK_URL}

        """

    /// A scene with both ways out. The mail server does what a recipient's name says; Slack answers as it is told.
    private static func with(
        slack script: @escaping ScriptedServer.Script = { _ in ScriptedServer.status(200) },
        _ body: (Scene, Program, ScriptedServer, MailServerProcess) async throws -> Void
    ) async throws {
        try await MailServerProcess.with("plain") { mail in
            try await Scene.with(orders: 60, plants: [:]) { scene in
                let slack = try ScriptedServer(script)
                defer { slack.stop() }
                try scene.folder.write(Scene.settings(scene.server.url) + ways, to: "jobs/settings.yaml")
                let program = scene.program([
                    "SLACK_WEBHOOK_URL": slack.url + "/services/CANARYhook",
                    "SMTP_URL": "smtp://127.0.0.1:\(mail.port)",
                ])
                try await body(scene, program, slack, mail)
            }
        }
    }

    private static func enqueue(_ channel: OutboxChannel, _ recipient: String, _ scene: Scene) async throws {
        let connection = try await Connection.open(scene.target, applicationName: "test")
        let draft = OutboxDraft(
            channel: channel, dedupeKey: recipient, recipient: recipient, subject: "About \(recipient)", text: "text")
        _ = try await Outbox.enqueue(draft, on: connection)
        await connection.close()
    }

    private static func states(_ scene: Scene) async throws -> String {
        try await scene.value("SELECT string_agg(state, ' ' ORDER BY id) AS value FROM trueup.outbox")
    }

    /// As if a process had been killed while it sent everything that waits.
    /// - Parameter seconds: how long its time is up.
    private static func abandon(_ scene: Scene, seconds: Int) async throws {
        try await scene.execute(
            """
            UPDATE trueup.outbox SET state = 'sending', attempts = attempts + 1,
                lease_until = now() - \(seconds) * interval '1 second' WHERE state = 'queued'
            """)
    }

    private static func documents(_ output: String) throws -> [[String: Any]] {
        try output.split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
    }

    @Test("a mail server that hangs does not hold Slack up; a stop leaves its message, and tells of it")
    func besideEachOther() async throws {
        try await Self.with { scene, program, slack, mail in
            try await Self.enqueue(.email, "hang-rcpt@example.com", scene)
            try await Self.enqueue(.email, "next@example.com", scene)
            try await Self.enqueue(.slack, "SLACK_WEBHOOK_URL", scene)
            let running = try program.start("outbox", "send")
            try await scene.wait(
                until: """
                    (SELECT string_agg(state, ' ' ORDER BY id) FROM trueup.outbox) = 'sending queued sent'
                    """)
            let stopped = try await running.signal(SIGINT)
            #expect(stopped.status == 130, "\(stopped.everything)")
            #expect(stopped.talk.contains("Slack: 1 message sent"), "\(stopped.talk)")
            #expect(stopped.talk.contains("mail: 1 message not sent: cancelled"), "\(stopped.talk)")
            #expect(stopped.talk.contains("mail: 1 message left for later: stopped"), "\(stopped.talk)")
            #expect(try await Self.states(scene) == "queued queued sent")
            #expect(slack.requests.count == 1)
            // What was left is tried by the next one, the one that was stopped in its own time.
            let sent = try await program.run("outbox", "send", "--json")
            #expect(sent.status == 0, "\(sent.everything)")
            let document = try JSONSerialization.jsonObject(with: Data(sent.output.utf8)) as? [String: Any]
            #expect(document?["format"] as? String == "trueup.outbox-send/1")
            let way = (document?["ways"] as? [[String: Any]])?.first
            #expect(way?["way"] as? String == "mail" && way?["sent"] as? Int == 1 && way?["error"] is NSNull)
            #expect(try mail.received().map(\.recipients) == [["next@example.com"]])
        }
    }

    @Test("a mail server that hangs holds no other job up, and each is shown in its turn")
    func nextJob() async throws {
        try await Self.with { scene, program, _, _ in
            try scene.folder.write(
                Scene.jobFile + "notify: {on: [success], email: [hang-rcpt@example.com]}\n",
                to: "jobs/\(Scene.job).yaml")
            try scene.folder.write(Scene.jobFile, to: "jobs/again.yaml")
            let running = try program.start("run", Scene.job, "again", "--json")
            try await scene.wait(
                until: """
                    EXISTS (SELECT FROM trueup.run WHERE job = 'again' AND state = 'clean')
                        AND (SELECT state FROM trueup.outbox) = 'sending'
                    """, seconds: 60)
            let stopped = try await running.signal(SIGINT)
            #expect(stopped.status == 130, "\(stopped.everything)")
            let documents = try Self.documents(stopped.output)
            #expect(documents.map { $0["job"] as? String } == [Scene.job, "again"], "\(stopped.output)")
            #expect(documents.map { $0["state"] as? String } == ["clean", "clean"])
            #expect(stopped.talk.contains("mail: 1 message not sent: cancelled"), "\(stopped.talk)")
            #expect(try await Self.states(scene) == "queued")
        }
    }

    @Test(
        "a stop after a run's end stops the telling alone: result, ping and row are right",
        arguments: [SIGINT, SIGTERM])
    func stoppedTelling(_ signal: Int32) async throws {
        try await Self.with(slack: { _ in [.hang] }) { scene, program, slack, _ in
            let service = try ScriptedServer { _ in ScriptedServer.status(200) }
            defer { service.stop() }
            try scene.folder.write(
                Scene.jobFile + "notify: {on: [success], slack: true, ping_url_env: PING}\n",
                to: "jobs/\(Scene.job).yaml")
            var pinging = program
            pinging.environment["PING"] = service.url + "/uuid"
            let running = try pinging.start("run", Scene.job)
            while slack.requests.isEmpty || service.requests.count < 2 { try await Task.sleep(for: .milliseconds(20)) }
            let stopped = try await running.signal(signal)
            #expect(stopped.status == 130, "\(stopped.everything)")
            #expect(stopped.output.contains("CLEAN"), "\(stopped.everything)")
            #expect(stopped.output.hasSuffix("\nMessages could not leave. Next: trueup outbox list\n"))
            #expect(stopped.talk.contains("of 1 message nobody knows") && !stopped.everything.contains("CANARY"))
            #expect(service.requests.map(\.target) == ["/uuid/start", "/uuid"])
            #expect(try await Self.states(scene) == "unknown")
            #expect(slack.requests.count == 1)
        }
    }

    @Test("a backfill that is stopped while it tells prints its result as well")
    func stoppedBackfill() async throws {
        try await Self.with(slack: { _ in [.hang] }) { scene, program, slack, _ in
            try scene.folder.write(
                Scene.jobFile + "notify: {on: [success], slack: true}\n", to: "jobs/\(Scene.job).yaml")
            let running = try program.start("backfill", Scene.job, "--from", "2015-01-01", "--to", "2035-01-01")
            while slack.requests.isEmpty { try await Task.sleep(for: .milliseconds(20)) }
            let stopped = try await running.signal(SIGINT)
            #expect(stopped.status == 130 && stopped.output.contains("CLEAN"), "\(stopped.everything)")
            #expect(try await Self.states(scene) == "unknown")
        }
    }

    private static let report = """
        kind: report
        report: balance
        after: [\(Scene.job)]
        cut_off: {at: "00:00", time_zone: UTC}
        formats: [json]
        deliver: {slack: true, when: always}
        notify: {ping_url_env: PING}

        """

    @Test("a report that is stopped on its ways is made, shown and pinged, and says what did not get there")
    func stoppedReport() async throws {
        try await Self.with(slack: { _ in [.hang] }) { scene, program, slack, _ in
            let service = try ScriptedServer { _ in ScriptedServer.status(200) }
            defer { service.stop() }
            try scene.folder.write(Self.report, to: "jobs/balance-report.yaml")
            var pinging = program
            pinging.environment["PING"] = service.url + "/uuid"
            let running = try pinging.start("run", "balance-report", "--json")
            while slack.requests.isEmpty { try await Task.sleep(for: .milliseconds(20)) }
            let stopped = try await running.signal(SIGINT)
            #expect(stopped.status == 130, "\(stopped.everything)")
            let document = try JSONSerialization.jsonObject(with: Data(stopped.output.utf8)) as? [String: Any]
            #expect(document?["report"] as? Int == 1 && document?["state"] as? String == "incomplete")
            let ways = document?["deliveries"] as? [[String: String]] ?? []
            #expect(ways.map { $0["outcome"] } == ["failed"], "\(stopped.everything)")
            // Nothing was read yet: what is told is that it is incomplete.
            #expect(service.requests.map(\.target) == ["/uuid/start", "/uuid/fail"])
            #expect(try await Self.states(scene) == "unknown")
        }
    }

    @Test("a report whose sender was killed did not reach everybody, before and after its time is up")
    func killedReport() async throws {
        try await Self.with(slack: { _ in ScriptedServer.status(503) }) { scene, program, slack, _ in
            try scene.folder.write(
                Self.report.replacing("notify: {ping_url_env: PING}\n", with: ""), to: "jobs/balance-report.yaml")
            #expect(try await program.run("run", "balance-report").status == 1)
            slack.answers { _ in ScriptedServer.status(200) }
            try await Self.abandon(scene, seconds: -600)
            let during = try await program.run("run", "balance-report")
            #expect(during.status == 1, "\(during.everything)")
            #expect(during.talk.contains("failed  slack  incoming webhook: another process is sending it"))
            try await scene.execute("UPDATE trueup.outbox SET lease_until = now() - interval '1 second'")
            let after = try await program.run("run", "balance-report")
            #expect(after.status == 1, "\(after.everything)")
            #expect(after.talk.contains("is unknown now: the process that was sending it ended"), "\(after.talk)")
            #expect(after.talk.contains("nobody knows whether it arrived"), "\(after.talk)")
            #expect(slack.requests.count == 1)
        }
    }

    @Test("what a killed sender left is told by whoever lists, sends or settles first, once")
    func abandoned() async throws {
        try await Self.with { scene, program, _, mail in
            try await Self.enqueue(.email, "a@example.com", scene)
            try await Self.abandon(scene, seconds: -600)
            let early = try await program.run("outbox", "settle", "1", "--was-sent")
            #expect(early.status == 1 && early.talk.contains("Message 1 is on its way: "), "\(early.everything)")
            #expect(early.talk.hasSuffix("See: trueup outbox list\n"))
            #expect(try await program.run("outbox", "list").output.contains("  sending  "))
            try await scene.execute("UPDATE trueup.outbox SET lease_until = now() - interval '1 second'")
            let words = "message 1 to a@example.com (“About a@example.com”) is unknown now"
            let listed = try await program.run("outbox", "list")
            #expect(listed.status == 0 && listed.output.contains("  unknown  "), "\(listed.everything)")
            #expect(listed.talk.contains(words) && listed.talk.contains("settle ID --was-sent"), "\(listed.talk)")
            let again = try await program.run("outbox", "list", "--json")
            #expect(!again.talk.contains(words))
            let list = try JSONSerialization.jsonObject(with: Data(again.output.utf8)) as? [String: Any]
            #expect(list?["format"] as? String == "trueup.outbox/1" && (list?["became_unknown"] as? [Int]) == [])
            let first = (list?["messages"] as? [[String: Any]])?.first
            #expect(first?["state"] as? String == "unknown" && first?["to"] as? String == "a@example.com")
            #expect(first?["sent"] is NSNull && first?["next_attempt"] is NSNull)
            #expect(try await program.run("outbox", "settle", "1", "--was-sent").status == 0)

            try await Self.enqueue(.email, "b@example.com", scene)
            try await Self.abandon(scene, seconds: 1)
            let sent = try await program.run("outbox", "send", "--json")
            #expect(sent.status == 2, "\(sent.everything)")
            let document = try JSONSerialization.jsonObject(with: Data(sent.output.utf8)) as? [String: Any]
            let lost = document?["became_unknown"] as? [[String: Any]]
            #expect(lost?.map { $0["id"] as? Int } == [2], "\(sent.output)")
            #expect(try await program.run("outbox", "send").status == 0)

            try await Self.enqueue(.email, "c@example.com", scene)
            try await Self.abandon(scene, seconds: 1)
            #expect(try await program.run("outbox", "settle", "3", "--send-again").status == 0)
            #expect(try await program.run("outbox", "send").status == 0)
            #expect(try mail.received().map(\.recipients) == [["c@example.com"]])
        }
    }

    @Test("a run tells of what an earlier one left when it was killed, and does not say that nothing is left")
    func abandonedBefore() async throws {
        try await Self.with { scene, program, _, _ in
            try await Self.enqueue(.email, "a@example.com", scene)
            try await Self.abandon(scene, seconds: 1)
            let run = try await program.run("run", Scene.job)
            #expect(run.status == 0 && run.talk.contains("message 1 to a@example.com"), "\(run.everything)")
            #expect(run.output.hasSuffix("\nMessages could not leave. Next: trueup outbox list\n"), "\(run.output)")
            let next = try await program.run("run", Scene.job)
            #expect(next.output.contains("Nothing is left to do.") && !next.talk.contains("message 1"))
        }
    }

    @Test("in the scheduler Slack does not wait behind a mail server that hangs, and a stop leaves its message")
    func schedule() async throws {
        try await Self.with { scene, program, slack, _ in
            try scene.folder.write(
                Scene.jobFile + "schedule: \"0 4 29 2 *\"\n", to: "jobs/\(Scene.job).yaml")
            try await Self.enqueue(.email, "hang-rcpt@example.com", scene)
            let running = try program.start("schedule")
            try await scene.wait(until: "(SELECT state FROM trueup.outbox) = 'sending'")
            try await Self.enqueue(.slack, "SLACK_WEBHOOK_URL", scene)
            try await scene.wait(
                until: "(SELECT string_agg(state, ' ' ORDER BY id) FROM trueup.outbox) = 'sending sent'")
            let stopped = try await running.signal(SIGTERM)
            #expect(stopped.status == 0, "\(stopped.everything)")
            #expect(try await Self.states(scene) == "queued sent")
            #expect(slack.requests.count == 1)
        }
    }
}
