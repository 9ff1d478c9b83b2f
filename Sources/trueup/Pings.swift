import Curl
import Foundation
import Jobs
import Runner

/// Tells the services that notice when a job does not run. Best effort: what does not arrive is a line of talk.
struct Pings: Sendable {
    private let http: HTTPClient

    init() {
        var configuration = HTTPClient.Configuration()
        configuration.connectTimeoutMilliseconds = Ping.timeoutMilliseconds
        http = HTTPClient(configuration)
    }

    func close() async { await http.close() }

    /// To the URL of a job, where it has one.
    func send(_ definition: JobDefinition, _ signal: Ping.Signal, _ text: String) async {
        guard let name = definition.notify.pingURLEnv else { return }
        await send(variable: name, signal, "\(definition.name): \(text)", about: definition.name)
    }

    /// - Parameter variable: the environment variable with the URL.
    func send(variable: String, _ signal: Ping.Signal, _ text: String, about subject: String) async {
        do {
            let url = try Secrets.secret(named: variable, environment: ProcessInfo.processInfo.environment)
            guard let failure = await Ping(url: url, http: http).send(signal, text: text) else { return }
            Terminal.say("\(subject): the ping did not arrive: \(failure)", .warning)
        } catch {
            Terminal.say("\(subject): no ping was sent: \(error)", .warning)
        }
    }
}
