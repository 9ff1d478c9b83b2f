extension Exchange {
    func listIntents() throws(SandboxError) -> Answer {
        try parameters.allow(["created", "customer", "ending_before", "expand", "limit", "starting_after"])
        try refuseExpansion()
        let filter = try parameters.listFilter()
        let customer = parameters.value("customer").map {
            world.renderer.space.index(of: $0, kind: .customer) ?? -2
        }
        let page = try world.view.intents(filter) { customer == nil || $0.customer == customer }
        let renderer = world.intentRenderer
        return Answer(
            list: page, url: "/v1/payment_intents", bound: { renderer.sizeBound($0) },
            write: { renderer.write($0, version, depth: 2, to: &$1) })
    }

    func retrieveIntent() throws(SandboxError) -> Answer {
        try parameters.allow(["expand"])
        try refuseExpansion()
        guard let intent = world.view.intent(id: id) else { throw .noSuch("payment_intent", id, param: "intent") }
        return answer(intent)
    }

    func cancelIntent() throws(SandboxError) -> Answer {
        try parameters.allow(["cancellation_reason", "expand"])
        try refuseExpansion()
        let reason = parameters.value("cancellation_reason")
        let reasons = ["duplicate", "fraudulent", "requested_by_customer", "abandoned"]
        if let reason, !reasons.contains(reason) {
            throw SandboxError(
                400,
                "Invalid cancellation_reason: must be one of duplicate, fraudulent, requested_by_customer, or "
                    + "abandoned", param: "cancellation_reason")
        }
        let canceled = try change { change throws(SandboxError) in
            guard let intent = change.view.intent(id: id) else {
                throw .noSuch("payment_intent", id, param: "intent")
            }
            return try change.cancel(intent, reason: reason)
        }
        return answer(canceled)
    }

    private func answer(_ intent: IntentRecord) -> Answer {
        let renderer = world.intentRenderer
        return Answer(bound: renderer.sizeBound(intent)) { renderer.write(intent, version, depth: 0, to: &$0) }
    }
}
