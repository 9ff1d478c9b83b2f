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
        #expect(SignerName(one).looksLike(SignerName(other)))
    }

    @Test(
        "names that can be taken for each other on paper are one, whatever letters they are written with",
        arguments: [
            ("dana", "ᴅana"), ("DANA", "ᴅᴀɴᴀ"), ("dana", "dɑna"), ("Il", "ll"), ("Il", "l1"), ("Ilana", "llana"),
            ("Ilana", "1lana"), ("ILANA IRIS", "llana iris"), ("Ida", "|da"), ("maria", "rnaria"), ("MARIA", "rnaria"),
            ("Arnie", "ARNIE"), ("Wanda", "vvanda"), ("noa", "nOa"), ("NOA", "N0A"), ("IRIS", "iris"), ("Ali", "ALI"),
            ("O'Neill", "O’Neill"), ("Anne-Marie", "Anne Marie"), ("J. Smith", "J Smith"), ("lvan", "ɪvan"),
        ])
    func taken(one: String, other: String) {
        #expect(SignerName(one).looksLike(SignerName(other)))
        #expect(SignerName(other).looksLike(SignerName(one)))
    }

    @Test(
        "other names have other skeletons",
        arguments: [("dana", "diana"), ("ann", "anne"), ("李明", "李梅"), ("anna", "ánna")])
    func other(one: String, other: String) {
        #expect(SignerName(one).skeleton != SignerName(other).skeleton)
        #expect(!SignerName(one).looksLike(SignerName(other)))
    }

    @Test(
        "people whose names are near each other and are not the same to the eye stay two",
        arguments: [
            ("Maria", "Mario"), ("Ali", "Eli"), ("Lia", "Mia"), ("Gil", "Gill"), ("Claude", "Daude"), ("Dana", "Dina"),
            ("Mona", "Nona"), ("Neil", "Noel"), ("Iris", "Lisa"), ("Marna", "Marina"), ("Bill", "Will"),
            ("José", "Jose"), ("Ann Lee", "Ann Leo"), ("dana", "dana2"), ("Ivan", "Evan"), ("mia", "mla"),
        ])
    func near(one: String, other: String) {
        #expect(!SignerName(one).looksLike(SignerName(other)))
    }

    @Test("letters of alphabets that look alike are not mixed in one name")
    func mixed() {
        #expect(SignerName("аnn").mixedAlphabets == ["Latin", "Cyrillic"])
        for name in ["ann", "анна", "Ζωή", "李 Ming", "José Ñandú", "O'Neill-Smith 3", "ann@host"] {
            #expect(SignerName(name).mixedAlphabets.isEmpty, "\(name)")
        }
    }
}
