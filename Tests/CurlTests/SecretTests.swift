import Curl
import Testing

@Suite struct SecretTests {
    @Test("a secret never prints itself")
    func neverPrints() {
        let secret = Secret("sk_live_canary")
        var dumped = ""
        dump(["key": secret], to: &dumped)
        for text in ["\(secret)", String(reflecting: secret), String(describing: Optional(secret)), dumped] {
            #expect(!text.contains("canary"))
        }
        #expect("\(secret)" == "***")
        #expect(secret.expose() == "sk_live_canary")
    }
}
