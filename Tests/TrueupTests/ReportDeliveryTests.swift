import Foundation
import PostgreSQL
import Store
import Support
import Testing

/// A report on its way out, with the program, a bucket and a webhook of Slack's on real sockets.
@Suite("Delivery of reports from the command line", .timeLimit(.minutes(5)))
struct ReportDeliveryTests {
    private static let job = """
        kind: report
        report: balance
        after: [\(Scene.job)]
        cut_off: {at: "00:00", time_zone: UTC}
        formats: [json]
        deliver: {slack: true, directory: true, s3: true, when: always}

        """

    private static func delivery(_ bucket: ScriptedServer) -> String {
        """
        delivery:
          slack: {url_env: SLACK_WEBHOOK_URL}
          directory: {path: reports}
          s3: {bucket: finance, endpoint: "\(bucket.url)"}

        """
    }

    @Test(
        "a bucket that refuses stops neither folder nor Slack, and shows; made again, only it is tried"
    )
    func delivers() async throws {
        try await Scene.with(orders: 600) { scene in
            let slack = try ScriptedServer { _ in ScriptedServer.status(200, afterMilliseconds: 1_200) }
            let bucket = try ScriptedServer { _ in ScriptedServer.status(403) }
            defer {
                slack.stop()
                bucket.stop()
            }
            try scene.folder.write(
                Scene.jobFile.replacingOccurrences(of: "look_back: 35d", with: "look_back: 401d"),
                to: "jobs/\(Scene.job).yaml")
            try scene.folder.write(Self.job, to: "jobs/balance-report.yaml")
            try scene.folder.write(
                Scene.settings(scene.server.url) + Self.delivery(bucket), to: "jobs/settings.yaml")
            let program = scene.program([
                "SLACK_WEBHOOK_URL": slack.url + "/services/CANARYhook", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
                "AWS_SECRET_ACCESS_KEY": "CANARYsecret",
            ])
            let away = try await program.run("check", "--online")
            #expect(away.everything.contains("report bucket") && away.everything.contains("403"), "\(away.everything)")
            bucket.answers { _ in ScriptedServer.status(200) }
            let there = try await program.run("check", "--online")
            #expect(there.everything.contains("s3://finance"), "\(there.everything)")
            let asked = bucket.requests.count
            #expect(bucket.requests.allSatisfy { $0.method == "GET" } && slack.requests.isEmpty)

            _ = try await program.run("run", Scene.job)
            try await scene.readFromTheBeginning()
            // Somebody else's message waits in the same outbox, and a report does not send it.
            let connection = try await Connection.open(scene.target, applicationName: "test")
            let other = OutboxDraft(
                channel: .slack, dedupeKey: "other", recipient: "SLACK_WEBHOOK_URL", subject: "other", text: "other")
            _ = try await Outbox.enqueue(other, on: connection)
            bucket.answers { _ in ScriptedServer.status(403) }
            // Wherever the files are put on this machine, in the bucket the report has a place of its own.
            let first = try await program.run("report", "--deliver", "--out", "o1")
            #expect(first.status == 1, "\(first.everything)")
            #expect(first.talk.contains("failed  s3  s3://finance/balance-report/"), "\(first.everything)")
            #expect(first.talk.contains("delivered  directory") && first.talk.contains("Slack: 1 message sent"))
            #expect(!first.everything.contains("CANARY"))
            #expect(slack.requests.count == 1 && slack.requests[0].target == "/services/CANARYhook")
            let waiting: String = try await connection.query(
                "SELECT state FROM trueup.outbox WHERE dedupe_key = 'other'")[0]["state"]
            await connection.close()
            #expect(waiting == "queued")
            let body = slack.requests[0].body
            #expect(
                body.hasPrefix("{\"text\":\"*") && body.contains("EXPLAINED") && body.contains("Cut-off"), "\(body)")

            bucket.answers { _ in ScriptedServer.status(200) }
            let refused = bucket.requests.count
            #expect(refused == asked + 1)
            let again = try await program.run("report", "--deliver", "--out", "o1")
            #expect(
                again.talk.contains("delivered  s3") && again.talk.contains("the same report"), "\(again.everything)")
            #expect(again.status == 2 && slack.requests.count == 1)
            let put = bucket.requests.dropFirst(refused)
            #expect(put.allSatisfy { $0.method == "PUT" } && put.last?.target.hasSuffix("/manifest.json") == true)
            let shown = try await program.run("report", "show", "1")
            #expect(
                shown.output.contains("failed  s3") && shown.output.contains("delivered  s3"), "\(shown.everything)")

            let place = String((put.last?.target ?? "").dropLast("/manifest.json".count))
            #expect(place.hasPrefix("/finance/balance-report/") && place.hasSuffix("-r1"), "\(place)")
            try await Self.sign(scene, program, slack, bucket, place: place)
        }
    }

    @Test("a report by hand or cron is told of, as a run is: once, however often it is made")
    func notifies() async throws {
        try await Scene.with(orders: 600) { scene in
            let slack = try ScriptedServer { _ in ScriptedServer.status(200) }
            defer { slack.stop() }
            try scene.folder.write(
                Self.job.replacingOccurrences(
                    of: "deliver: {slack: true, directory: true, s3: true, when: always}",
                    with: "deliver: {directory: true}\nnotify: {on: [drift, failure], slack: true}"),
                to: "jobs/balance-report.yaml")
            let ways = "delivery: {slack: {url_env: SLACK_WEBHOOK_URL}, directory: {path: reports}}\n"
            try scene.folder.write(Scene.settings(scene.server.url) + ways, to: "jobs/settings.yaml")
            let program = scene.program(["SLACK_WEBHOOK_URL": slack.url + "/services/hook"])
            // Nothing was read yet.
            let incomplete = try await program.run("run", "balance-report")
            #expect(incomplete.status == 3 && slack.requests.count == 1, "\(incomplete.everything)")
            let told = slack.requests.last?.body ?? ""
            #expect(told.contains("balance-report failed (incomplete, report 1)"), "\(told)")
            let again = try await program.run("run", "balance-report")
            #expect(again.status == 3 && slack.requests.count == 1, "\(again.everything)")

            try scene.folder.write(
                Scene.jobFile.replacingOccurrences(of: "look_back: 35d", with: "look_back: 401d"),
                to: "jobs/\(Scene.job).yaml")
            _ = try await program.run("run", Scene.job)
            try await scene.readFromTheBeginning()
            let made = try await program.run("run", "balance-report")
            #expect(made.status == 2 && slack.requests.count == 2, "\(made.everything)")
            #expect(slack.requests.last?.body.contains("balance-report: differences remain (report 2)") == true)
            #expect(try await program.run("report").status == 2)
            #expect(slack.requests.count == 2)
        }
    }

    /// A signature goes to where the report is, and to those who got it.
    private static func sign(
        _ scene: Scene, _ program: Program, _ slack: ScriptedServer, _ bucket: ScriptedServer, place: String
    ) async throws {
        let count = bucket.requests.count
        let signed = try await program.run(
            "report", "sign", "1", "--as", "preparer", "--note", "tied", "--accept-unexplained", "no reservations")
        #expect(signed.status == 0, "\(signed.everything)")
        #expect(bucket.requests.count == count + 1)
        #expect(bucket.requests.last?.target == place + "/signatures.html")
        #expect(slack.requests.count == 2, "\(signed.everything)")
        let told = slack.requests.last?.body ?? ""
        #expect(told.contains("Report 1 of balance-report") && told.contains("as preparer"), "\(told)")
        #expect(told.contains("Accepted as UNEXPLAINED: no reservations") && told.contains("unexplained"))
        try scene.folder.write(
            Scene.settings(scene.server.url) + delivery(bucket) + "sign_off: {shared_login: true, notify: false}\n",
            to: "jobs/settings.yaml")
        let quiet = try await program.run(
            "report", "sign", "1", "--as", "reviewer", "--name", "noa", "--note", "seen", "--accept-unexplained",
            "no reservations")
        #expect(quiet.status == 0 && slack.requests.count == 2, "\(quiet.everything)")
    }

    @Test("Slack that takes the message and never answers holds nobody else up, shows, and is not told twice")
    func stalls() async throws {
        try await Scene.with(orders: 600) { scene in
            let slack = try ScriptedServer { _ in [.hang] }
            let bucket = try ScriptedServer { _ in ScriptedServer.status(200) }
            defer {
                slack.stop()
                bucket.stop()
            }
            try await MailServerProcess.with("plain") { mail in
                try scene.folder.write(
                    Scene.jobFile.replacingOccurrences(of: "look_back: 35d", with: "look_back: 401d"),
                    to: "jobs/\(Scene.job).yaml")
                try scene.folder.write(
                    Self.job.replacingOccurrences(of: "deliver: {", with: "deliver: {email: [cfo@example.com], "),
                    to: "jobs/balance-report.yaml")
                try scene.folder.write(
                    Scene.settings(scene.server.url) + Self.delivery(bucket) + "  email: {from: t@example.com}\n",
                    to: "jobs/settings.yaml")
                let program = scene.program([
                    "SLACK_WEBHOOK_URL": slack.url + "/services/CANARYhook", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
                    "AWS_SECRET_ACCESS_KEY": "CANARYsecret", "SMTP_URL": "smtp://127.0.0.1:\(mail.port)",
                ])
                _ = try await program.run("run", Scene.job)
                try await scene.readFromTheBeginning()
                let clock = ContinuousClock()
                let started = clock.now
                let made = try await program.run("run", "balance-report", "--json")
                // Slack is given half a minute; the rest is the machine's.
                #expect(clock.now - started < .seconds(150))
                #expect(made.status == 1 && slack.requests.count == 1, "\(made.everything)")
                let document = try JSONSerialization.jsonObject(with: Data(made.output.utf8)) as? [String: Any]
                let ways = try #require(document?["deliveries"] as? [[String: String]])
                let outcomes = Dictionary(ways.map { ($0["destination"] ?? "", $0["outcome"] ?? "") }) { $1 }
                #expect(
                    outcomes == ["email": "delivered", "slack": "failed", "directory": "delivered", "s3": "delivered"],
                    "\(made.everything)")
                #expect(made.talk.contains("nobody knows whether it arrived") && !made.everything.contains("CANARY"))
                #expect(try mail.received().map(\.recipients) == [["cfo@example.com"]])
                #expect(bucket.requests.last?.target.hasSuffix("/manifest.json") == true)
                let shown = try await program.run("report", "show", "1")
                #expect(
                    shown.output.contains("unknown  slack") && shown.output.contains("sent  email cfo@example.com"),
                    "\(shown.everything)")

                // Made again it is no success until a person has said what became of it, and nobody is told twice.
                slack.answers { _ in ScriptedServer.status(200) }
                let again = try await program.run("run", "balance-report")
                #expect(again.status == 1 && again.talk.contains("failed  slack"), "\(again.everything)")
                let id = try #require(again.talk.firstMatch(of: /outbox settle ([0-9]+)/)?.output.1)
                let settled = try await program.run("outbox", "settle", String(id), "--was-sent")
                #expect(settled.status == 0, "\(settled.everything)")
                let last = try await program.run("run", "balance-report")
                #expect(last.status == 2 && slack.requests.count == 1, "\(last.everything)")
                #expect(try mail.received().count == 1)
            }
        }
    }
}
