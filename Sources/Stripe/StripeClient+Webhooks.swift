import Curl
import Foundation

extension StripeClient {
    private struct EndpointPage: Decodable {
        var data: [WebhookEndpoint]
        var hasMore: Bool

        private enum CodingKeys: String, CodingKey {
            case data
            case hasMore = "has_more"
        }
    }

    /// Where the account's events are sent to; an account has 16 endpoints at most.
    /// See https://docs.stripe.com/api/webhook_endpoints/list
    /// - Throws: ``StripeError``; of kind `permission` for a restricted key that may not list them.
    public func webhookEndpoints() async throws(StripeError) -> [WebhookEndpoint] {
        let path = "/v1/webhook_endpoints"
        let call = Call(method: .get, template: path, path: path, parameters: ListQuery(limit: 100).parameters)
        let mode = try await verifiedMode()
        let answer = try await send(call)
        let page: EndpointPage
        do {
            let body = answer.response.body.withUnsafeBytes { Data($0) }
            page = try JSONDecoder().decode(EndpointPage.self, from: body)
        } catch {
            throw with(answer, self.error(.decoding, "the answer is no list of webhook endpoints", call))
        }
        guard !page.hasMore else {
            throw with(answer, error(.decoding, "the account has more than 100 webhook endpoints", call))
        }
        return page.data.filter { $0.livemode == (mode == .live) }
    }
}
