import ArgumentParser
import Foundation
import Jobs
import Runner
import Sandbox

/// The stand-in's webhooks: where they go, how they are signed, and what goes wrong on their way.
struct SandboxWebhookOptions: ParsableArguments {
    @Option(
        name: .customLong("webhooks"),
        help: ArgumentHelp(
            "Send the events of changes to the trueup serve at this address, such as http://127.0.0.1:8080.",
            valueName: "url"))
    var url: String?

    @Option(
        name: .customLong("webhook-secret-env"),
        help: ArgumentHelp(
            "Sign an account's events with the secret in this environment variable. Can be repeated.",
            valueName: "account=name"))
    var secretEnv: [String] = []

    @Option(
        name: .customLong("webhook-fault"),
        help: ArgumentHelp(
            "What goes wrong by chance: drop, duplicate, delay, reorder or lost_answer. Can be repeated.",
            valueName: "kind=rate"))
    var faults: [String] = []

    static let accounts = ["default", "medflyt", "task_health"]
    /// Stripe's hours are seconds here.
    private static let retryMilliseconds = [1_000, 3_000, 10_000, 30_000, 60_000]

    func validate() throws {
        if url == nil, !secretEnv.isEmpty || !faults.isEmpty {
            throw ValidationError("--webhook-secret-env and --webhook-fault go with --webhooks.")
        }
        _ = try policy()
        _ = try variables()
    }

    /// Tells the accounts of the stand-in where their events go.
    func subscribe(_ server: SandboxServer) throws {
        guard let url else { return }
        let base = url.hasSuffix("/") ? String(url.dropLast()) : url
        let variables = try variables()
        for name in Self.accounts {
            let isCredits = name == "task_health"
            let path = isCredits ? LiveTables.creditsPath : LiveTables.otherPath
            var secret: String?
            if let variable = variables[name] {
                secret = try Secrets.secret(named: variable, environment: ProcessInfo.processInfo.environment).expose()
            }
            try server.world(of: name).subscribe(
                SandboxWebhook(
                    url: base + path,
                    events: isCredits ? LiveTables.orderTypes : LiveTables.noticeTypes + LiveTables.chargeTypes,
                    secret: secret, policy: try policy()))
            let signed = variables[name].map { "the secret in \($0)" } ?? "whsec_sandbox_\(name)"
            Terminal.say("Events of \(name) go to \(base + path), signed with \(signed).")
        }
    }

    /// How the deliveries ended, once it is over.
    func sum(_ server: SandboxServer) {
        guard url != nil else { return }
        var (answered, failed, unsent) = (0, 0, 0)
        for name in Self.accounts {
            guard let world = try? server.world(of: name) else { continue }
            for delivery in world.deliveries {
                if !delivery.wasSent {
                    unsent += 1
                } else if (200..<300).contains(delivery.status) {
                    answered += 1
                } else {
                    failed += 1
                }
            }
        }
        Terminal.say("Webhooks: \(answered) answered 2xx, \(failed) otherwise or not at all, \(unsent) never sent.")
    }

    private func policy() throws -> SandboxDeliveryPolicy {
        var policy = SandboxDeliveryPolicy(retryMilliseconds: Self.retryMilliseconds)
        for text in faults {
            let parts = text.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, let rate = Double(parts[1]), (0...1).contains(rate) else {
                throw ValidationError("--webhook-fault takes kind=rate, such as drop=0.2; not “\(text)”.")
            }
            switch parts[0] {
            case "drop": policy.dropRate = rate
            case "duplicate": policy.duplicateRate = rate
            case "delay": policy.delayRate = rate
            case "reorder": policy.reorderRate = rate
            case "lost_answer": policy.lostAnswerRate = rate
            default:
                throw ValidationError(
                    "--webhook-fault knows drop, duplicate, delay, reorder and lost_answer, not “\(parts[0])”.")
            }
        }
        return policy
    }

    private func variables() throws -> [String: String] {
        var variables: [String: String] = [:]
        for text in secretEnv {
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, Self.accounts.contains(parts[0]) else {
                throw ValidationError(
                    "--webhook-secret-env takes account=NAME with default, medflyt or task_health; not “\(text)”.")
            }
            variables[parts[0]] = parts[1]
        }
        return variables
    }
}
