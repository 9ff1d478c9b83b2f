import Store
import Testing

@Suite("Names of those who sign")
struct SignerNameTests {
    @Test(
        "names that look the same have one skeleton",
        arguments: [
            ("dana", " Dana "), ("dana", "ｄana"), ("сора", "copa"), ("ann", "аnn"), ("noa", "n0a"),
            ("dana", "da\u{200B}na"), ("dana", "d ana"), ("ορα", "opa"),
        ])
    func alike(one: String, other: String) {
        #expect(SignerName(one).skeleton == SignerName(other).skeleton)
    }

    @Test(
        "other names have other skeletons",
        arguments: [("dana", "diana"), ("ann", "anne"), ("李明", "李梅"), ("anna", "ánna")])
    func other(one: String, other: String) {
        #expect(SignerName(one).skeleton != SignerName(other).skeleton)
    }

    @Test("letters of alphabets that look alike are not mixed in one name")
    func mixed() {
        #expect(SignerName("аnn").mixedAlphabets == ["Latin", "Cyrillic"])
        for name in ["ann", "анна", "Ζωή", "李 Ming", "José Ñandú", "O'Neill-Smith 3", "ann@host"] {
            #expect(SignerName(name).mixedAlphabets.isEmpty, "\(name)")
        }
    }
}
