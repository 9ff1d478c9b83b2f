import Curl
import Foundation
import Jobs
import PostgreSQL
import Reports
import Runner
import Store
import Support
import Testing

@Suite("Reports in a bucket")
struct BucketTests {
    private static let keys = ["AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "canary-secret-key"]

    /// A report that goes to a directory, to Slack and to the bucket behind `server`.
    private static func report(
        _ server: ScriptedServer, _ scene: ReportScene, timeoutMilliseconds: Int = 60_000
    ) async throws -> ReportResult {
        try await scene.readAll()
        return try await scene.report(
            deliver: DeliverRule(slack: true, directory: true, s3: true),
            settings: DeliverySettings(
                slack: SlackDelivery(), directory: DirectoryDelivery(path: scene.directory),
                s3: S3Delivery(bucket: "finance", prefix: "trueup/reports", endpoint: server.url)),
            environment: keys, bucketTimeoutMilliseconds: timeoutMilliseconds)
    }

    @Test("every file arrives whole and signed, the manifest last")
    func delivers() async throws {
        try await ReportScene.with(seed: 21) { scene in
            let server = try ScriptedServer { _ in ScriptedServer.status(200) }
            defer { server.stop() }
            let result = try await Self.report(server, scene)
            #expect(result.deliveries.map(\.outcome.rawValue) == ["queued", "delivered", "delivered"])
            let requests = server.requests
            let folder = "/finance/trueup/reports/balance-report/"
            #expect(requests.allSatisfy { $0.method == "PUT" && $0.target.hasPrefix(folder) })
            #expect(requests.last?.target.hasSuffix("/manifest.json") == true)
            #expect(requests.count == result.files.count + 1)
            for request in requests {
                #expect(try FileDigest.sha256(request.bytes) == request.headers["x-amz-content-sha256"])
                let authorization = try #require(request.headers["authorization"])
                #expect(authorization.hasPrefix("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"))
                #expect(!authorization.contains("canary"))
            }
        }
    }

    @Test("a server that fails and breaks off is asked again, and the same object comes twice")
    func retries() async throws {
        try await ReportScene.with(seed: 22) { scene in
            let server = try ScriptedServer { request in
                switch request.number {
                case 0: ScriptedServer.status(503)
                case 1: [.close]
                case 3: ScriptedServer.status(200, afterMilliseconds: 300)
                default: ScriptedServer.status(200)
                }
            }
            defer { server.stop() }
            let result = try await Self.report(server, scene)
            #expect(result.deliveries.last?.outcome == .delivered, "\(result.deliveries)")
            #expect(server.requests.count == result.files.count + 3)
        }
    }

    @Test("a bucket that refuses stops neither the directory nor the messages, and shows in the result")
    func refused() async throws {
        try await ReportScene.with(seed: 23) { scene in
            let server = try ScriptedServer { _ in ScriptedServer.status(403) }
            defer { server.stop() }
            let result = try await Self.report(server, scene)
            #expect(result.deliveries.map(\.destination) == ["slack", "directory", "s3"])
            #expect(result.deliveries.map(\.outcome.rawValue) == ["queued", "delivered", "failed"])
            #expect(result.deliveries.last?.detail.contains("403") == true)
            #expect(result.deliveries.last?.detail.contains("canary") == false)
            #expect(result.exitCode == 1)
            #expect(server.requests.count == 1)
            // Made again, only what failed is tried again.
            server.answers { _ in ScriptedServer.status(200) }
            let again = try await scene.report(
                deliver: DeliverRule(slack: true, directory: true, s3: true),
                settings: DeliverySettings(
                    slack: SlackDelivery(), directory: DirectoryDelivery(path: scene.directory),
                    s3: S3Delivery(bucket: "finance", prefix: "trueup/reports", endpoint: server.url)),
                environment: Self.keys)
            #expect(again.isRepeated && again.deliveries.map(\.destination) == ["s3"])
            #expect(again.deliveries.map(\.outcome) == [.delivered])
        }
    }

    @Test("a bucket that answers too late is asked again, and what it took twice is the same object")
    func late() async throws {
        try await ReportScene.with(seed: 25) { scene in
            let server = try ScriptedServer { request in
                request.number == 1 ? ScriptedServer.status(200, afterMilliseconds: 4_000) : ScriptedServer.status(200)
            }
            defer { server.stop() }
            let result = try await Self.report(server, scene, timeoutMilliseconds: 1_500)
            #expect(result.deliveries.map(\.outcome.rawValue) == ["queued", "delivered", "delivered"])
            let paths = server.requests.map(\.target)
            #expect(paths.count == result.files.count + 2 && Set(paths).count == result.files.count + 1)
            #expect(server.requests[1].bytes == server.requests[2].bytes && paths[1] == paths[2])
        }
    }

    @Test("a bucket that stalls for good fails within its limits, stops no other way, and shows in the result")
    func stalls() async throws {
        try await ReportScene.with(seed: 26) { scene in
            let server = try ScriptedServer { _ in ScriptedServer.status(200, afterMilliseconds: 60_000) }
            defer { server.stop() }
            let result = try await Self.report(server, scene, timeoutMilliseconds: 300)
            #expect(result.deliveries.map(\.destination) == ["slack", "directory", "s3"])
            #expect(result.deliveries.map(\.outcome.rawValue) == ["queued", "delivered", "failed"])
            #expect(result.deliveries.last?.detail.isEmpty == false && result.exitCode == 1)
            // The first object alone, again and again: nothing is a manifest of what is not there.
            #expect(Set(server.requests.map(\.target)).count == 1 && server.requests.count == 4)
            let kept = try await StoredReports(pool: scene.night.pool).deliveries(of: result.id)
            #expect(kept.contains { $0.destination == "s3" && $0.outcome == .failed })
        }
    }

    @Test("without its key a bucket fails with the variable's name")
    func noKey() async throws {
        try await ReportScene.with(seed: 24) { scene in
            try await scene.readAll()
            let result = try await scene.report(
                deliver: DeliverRule(s3: true),
                settings: DeliverySettings(
                    directory: DirectoryDelivery(path: scene.directory), s3: S3Delivery(bucket: "finance")))
            #expect(result.deliveries.map(\.outcome) == [.failed])
            #expect(result.deliveries.first?.detail.contains("AWS_ACCESS_KEY_ID") == true)
        }
    }
}

@Suite("Messages to Slack")
struct SlackOutboxTests {
    private static func queue(_ scene: ReportScene, _ keys: [String]) async throws {
        try await scene.night.pool.withConnection { connection in
            for key in keys {
                let draft = OutboxDraft(
                    channel: .slack, dedupeKey: key, recipient: "SLACK_WEBHOOK_URL", subject: "s",
                    text: "<&> \(key) \u{1F4B0}")
                _ = try await Outbox.enqueue(draft, on: connection)
            }
        }
    }

    private static func deliver(
        _ scene: ReportScene, _ server: ScriptedServer, timeoutMilliseconds: Int = 400
    ) async throws -> OutboxDelivery.Outcome {
        try await SlackOutbox(pool: scene.night.pool, http: scene.http, timeoutMilliseconds: timeoutMilliseconds) { _ in
            Secret(server.url + "/services/canary-webhook")
        }.deliver(limit: 10)
    }

    @Test("each message is posted once, as JSON")
    func posts() async throws {
        try await ReportScene.with(seed: 31) { scene in
            let server = try ScriptedServer { _ in ScriptedServer.status(200) }
            defer { server.stop() }
            try await Self.queue(scene, ["a", "b", "a"])
            #expect(try await Self.deliver(scene, server).sent == 2)
            #expect(try await Self.deliver(scene, server) == OutboxDelivery.Outcome())
            let bodies = server.requests.map(\.body)
            #expect(bodies == ["{\"text\":\"<&> a \u{1F4B0}\"}", "{\"text\":\"<&> b \u{1F4B0}\"}"])
        }
    }

    @Test("a refusal waits or fails, a lost answer is for a person, and no error holds the address")
    func fails() async throws {
        try await ReportScene.with(seed: 32) { scene in
            let server = try ScriptedServer { request in
                switch request.number {
                case 0: ScriptedServer.status(503)
                case 1: ScriptedServer.status(404)
                default: ScriptedServer.status(200, afterMilliseconds: 1_500)
                }
            }
            defer { server.stop() }
            for key in ["waits", "refused", "late"] {
                try await Self.queue(scene, [key])
                let outcome = try await Self.deliver(scene, server)
                #expect(outcome.sent == 0 && outcome.lastError?.contains("canary") == false)
            }
            let messages = try await Outbox(pool: scene.night.pool).list()
            #expect(messages.map(\.state) == [.queued, .failed, .unknown])
            #expect(messages.allSatisfy { $0.lastError?.contains("canary") == false })
            #expect(try await Self.deliver(scene, server) == OutboxDelivery.Outcome())
            #expect(server.requests.count == 3)
        }
    }

    @Test("a stop while Slack hangs is written truthfully: nobody knows of what was sent, and the rest waits")
    func stopped() async throws {
        try await ReportScene.with(seed: 33) { scene in
            let server = try ScriptedServer { _ in [.hang] }
            defer { server.stop() }
            try await Self.queue(scene, ["a", "b"])
            let task = Task { try await Self.deliver(scene, server, timeoutMilliseconds: 60_000) }
            while server.requests.isEmpty { try await Task.sleep(for: .milliseconds(20)) }
            task.cancel()
            let outcome = try await task.value
            #expect(outcome.unknown == 1 && outcome.left == 1, "\(outcome)")
            let messages = try await Outbox(pool: scene.night.pool).list()
            #expect(messages.map(\.state) == [.unknown, .queued])
            #expect(messages[0].lastError?.contains("cancelled") == true, "\(messages[0].lastError ?? "")")
        }
    }

    @Test("Slack that does not answer in time is asked once, and the rest is left")
    func slow() async throws {
        try await ReportScene.with(seed: 34) { scene in
            let server = try ScriptedServer { _ in [.hang] }
            defer { server.stop() }
            try await Self.queue(scene, ["a", "b", "c"])
            let outcome = try await Self.deliver(scene, server)
            #expect(outcome.unknown == 1 && outcome.left == 2 && outcome.ending == .timedOut, "\(outcome)")
            #expect(server.requests.count == 1)
        }
    }
}
