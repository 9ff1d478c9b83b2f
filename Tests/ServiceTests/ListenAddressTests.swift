import Service
import Testing

@Suite struct ListenAddressTests {
    @Test func aPortAloneIsTheLoopback() throws {
        let address = try #require(ListenAddress("8080"))
        #expect(address.description == "127.0.0.1:8080")
        #expect(address.isLoopback)
    }

    @Test(arguments: ["127.0.0.1:80", "[::1]:0", "localhost:65535"])
    func addressesOfThisMachine(_ text: String) throws {
        let address = try #require(ListenAddress(text))
        #expect(address.description == text)
        #expect(address.isLoopback)
    }

    @Test func everyAddressHasToBeSaid() throws {
        #expect(try #require(ListenAddress("0.0.0.0:80")).isLoopback == false)
        #expect(try #require(ListenAddress("127.0.0.1.example.com:80")).isLoopback == false)
    }

    @Test(arguments: ["", ":", "host", "host:", "host:65536", "::1:80", "[]:80", "a b:80", "host:-1", "host:+80"])
    func otherTextIsNone(_ text: String) {
        #expect(ListenAddress(text) == nil)
    }
}
