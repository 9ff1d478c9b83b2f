import Curl
import Foundation
import Jobs
import Runner

/// `trueup check --online`: the ways out, tried as far as nothing reaches anybody.
struct DeliveryCheck {
    let set: JobSet
    let environment: [String: String]

    /// What is checked, each with what there is to say of it or an error.
    var parts: [(what: String, body: () async throws -> String)] {
        var parts: [(String, () async throws -> String)] = []
        let delivery = set.settings.delivery
        if let email = delivery.email {
            parts.append(("mail", { try await mail(email) }))
        }
        if let slack = delivery.slack {
            parts.append(("Slack", { try url(slack.urlEnv) }))
        }
        if let directory = delivery.directory {
            parts.append(("report directory", { try writable(directory.path) }))
        }
        if delivery.s3 != nil {
            parts.append(("report bucket", { try await bucket() }))
        }
        let pings = Set(set.jobs.compactMap(\.notify.pingURLEnv)).sorted()
        for name in pings { parts.append(("ping \(name)", { try url(name) })) }
        return parts
    }

    private func mail(_ email: EmailDelivery) async throws -> String {
        _ = try Mailbox(parsing: email.from)
        var configuration = MailClient.Configuration()
        configuration.timeoutMilliseconds = 20_000
        let client = try MailClient(
            url: try Secrets.secret(named: email.urlEnv, environment: environment), configuration: configuration)
        try await client.check()
        return "\(client.origin) lets us in"
    }

    /// A secret address: well-formed, and safe to send a secret to. Nothing is sent, so whether it is known there is
    /// not known here.
    private func url(_ name: String) throws -> String {
        let text = try Secrets.secret(named: name, environment: environment).expose()
        guard let parts = URLComponents(string: text), let host = parts.host, !host.isEmpty else {
            throw CommandError("\(name) holds no URL")
        }
        let isLoopback = host == "localhost" || host.hasPrefix("127.") || host == "[::1]"
        guard parts.scheme == "https" || parts.scheme == "http" && isLoopback else {
            throw CommandError("\(name) must hold an https URL")
        }
        return "\(name) holds a URL at \(host); it was not called"
    }

    private func writable(_ path: String) throws -> String {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            let parent = (path as NSString).deletingLastPathComponent
            guard FileManager.default.isWritableFile(atPath: parent.isEmpty ? "." : parent) else {
                throw CommandError("\(path) does not exist and cannot be made")
            }
            return "\(path) will be made"
        }
        guard isDirectory.boolValue else { throw CommandError("\(path) is no directory") }
        guard FileManager.default.isWritableFile(atPath: path) else { throw CommandError("\(path) cannot be written") }
        return "\(path) can be written"
    }

    private func bucket() async throws -> String {
        let http = HTTPClient()
        do {
            let address = try await ReportDelivery(
                settings: set.settings.delivery, http: http, environment: environment
            )
            .checkBucket()
            await http.close()
            return address
        } catch {
            await http.close()
            throw error
        }
    }
}
