import Curl

extension StripeClient {
    /// Checks the key before anything is read with it: its prefix, the mode, and its account by GET /v1/account.
    ///
    /// The result is kept. A restricted key that may not read its account passes, unless an `accountID` is demanded.
    @discardableResult
    public func verify() async throws(StripeError) -> AccountIdentity {
        if let known = verification.identity {
            return known
        }
        let prefix = try checkedPrefix()
        return try await verification.identity { await self.identify(prefix) }.get()
    }

    /// The mode of the account, after what must be known before a request is known.
    func verifiedMode() async throws(StripeError) -> AccountMode {
        guard account.accountID != nil else { return try checkedPrefix().mode }
        return try await verify().mode
    }

    private func checkedPrefix() throws(StripeError) -> KeyPrefix {
        let prefix: KeyPrefix
        do {
            prefix = try KeyPrefix(of: account.secretKey)
        } catch {
            throw self.error(.keyRefused, error.reason)
        }
        if let mode = account.mode, mode != prefix.mode {
            throw error(
                .wrongMode,
                "the settings say mode \(mode.rawValue), the key is a \(prefix.mode.rawValue) key; nothing was read")
        }
        return prefix
    }

    private func identify(_ prefix: KeyPrefix) async -> Verification.Outcome {
        do {
            return .success(try await identity(prefix))
        } catch {
            return .failure(error)
        }
    }

    private func identity(_ prefix: KeyPrefix) async throws(StripeError) -> AccountIdentity {
        let call = Call(method: .get, template: "/v1/account", path: "/v1/account")
        let answer: Answer
        do {
            answer = try await send(call)
        } catch {
            guard error.kind == .permission, prefix.isRestricted, account.accountID == nil else { throw error }
            return AccountIdentity(
                accountID: nil, mode: prefix.mode, isRestricted: true, displayName: nil, country: nil)
        }
        let found: AccountObject
        do {
            found = try object(AccountObject.self, answer.response)
        } catch {
            throw undecodable(error, answer, call)
        }
        if let expected = account.accountID, expected != found.id {
            var refused = error(
                .wrongAccount, "the settings say \(expected), the key belongs to \(found.id); nothing was read", call)
            refused.requestID = clean(answer.requestID)
            throw refused
        }
        return AccountIdentity(
            accountID: found.id, mode: prefix.mode, isRestricted: prefix.isRestricted,
            displayName: found.displayName, country: found.country)
    }
}
