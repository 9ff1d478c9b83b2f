/// A customer, generated or created through the API.
struct CustomerRecord: Sendable {
    var index: Int64
    var createdSeconds: Int64
    /// The seed of what no field says: the address, the phone number, the words of a generated person.
    var hash: UInt64
    /// A generated person has the name and address that its hash gives; anybody else has these.
    var isGeneratedPerson = false
    var name: String?
    var email: String?
    var phone: String?
    var description: String?
    var hasAddress = true
    var metadata: [(key: String, value: String)] = []
    /// pm_…
    var defaultMethod: String?
    /// ba_…
    var defaultSource: String?
}

/// Where generated people and their addresses come from.
enum People {
    static let firstNames: [StaticString] = [
        "Jenny", "Ana", "Liam", "Noah", "Mia", "Omar", "Yuki", "Chidi", "Elena", "Søren", "Zoë", "Łukasz", "Priya",
        "Diego", "Hana", "José",
    ]
    static let lastNames: [StaticString] = [
        "Rosen", "Garcia", "Chen", "Müller", "O’Brien", "Okafor", "Sato", "Novák", "Smith", "Patel", "Lopez", "Dubois",
        "Kim", "Jensen", "Brooks", "Adeyemi",
    ]

    struct City: Sendable {
        let name: StaticString
        let state: StaticString
        let country: StaticString
        let postalCode: StaticString
    }

    static let cities: [City] = [
        City(name: "\"San Francisco\"", state: "\"CA\"", country: "\"US\"", postalCode: "\"94103\""),
        City(name: "\"Austin\"", state: "\"TX\"", country: "\"US\"", postalCode: "\"73301\""),
        City(name: "\"Brooklyn\"", state: "\"NY\"", country: "\"US\"", postalCode: "\"11201\""),
        City(name: "\"Tōkyō\"", state: "\"13\"", country: "\"JP\"", postalCode: "\"100-0001\""),
        City(name: "\"Berlin\"", state: "null", country: "\"DE\"", postalCode: "\"10115\""),
        City(name: "\"Paris\"", state: "null", country: "\"FR\"", postalCode: "\"75001\""),
        City(name: "\"London\"", state: "null", country: "\"GB\"", postalCode: "\"EC1A 1BB\""),
        City(name: "\"Chicago\"", state: "\"IL\"", country: "\"US\"", postalCode: "\"60601\""),
    ]
}

extension CustomerRecord {
    private var first: StaticString { People.firstNames[Int(hash & 15)] }
    private var last: StaticString { People.lastNames[Int(hash >> 4 & 15)] }
    private var city: People.City { People.cities[Int(hash >> 8 & 7)] }

    func writeName(to pen: inout Pen) {
        guard isGeneratedPerson else { return pen.quoted(optional: name) }
        pen.text("\"")
        pen.text(first)
        pen.text(" ")
        pen.text(last)
        pen.text("\"")
    }

    func writeEmail(to pen: inout Pen) {
        guard isGeneratedPerson else { return pen.quoted(optional: email) }
        pen.text("\"user.")
        pen.base62(hash >> 12, digits: 6)
        pen.text("@example.com\"")
    }

    func writePhone(to pen: inout Pen) {
        guard isGeneratedPerson, hash >> 50 & 1 == 0 else { return pen.quoted(optional: phone) }
        pen.text("\"+1415555")
        pen.integer(Int64(hash >> 20 & 0x1FFF), digits: 4)
        pen.text("\"")
    }

    /// The address as a JSON object at this depth, or `null`.
    func writeAddress(depth: Int, to pen: inout Pen) {
        guard hasAddress else { return pen.text("null") }
        pen.text("{")
        member("city", city.name, depth: depth, to: &pen)
        member("country", city.country, depth: depth, to: &pen)
        pen.line(depth + 1)
        pen.text("\"line1\": \"")
        pen.integer(Int64(hash >> 30 & 0x1FFF) + 1)
        pen.text(" ")
        pen.text(People.lastNames[Int(hash >> 44 & 15)])
        pen.text(" St\",")
        pen.line(depth + 1)
        pen.text("\"line2\": null,")
        member("postal_code", city.postalCode, depth: depth, to: &pen)
        pen.line(depth + 1)
        pen.text("\"state\": ")
        pen.text(city.state)
        pen.line(depth)
        pen.text("}")
    }

    private func member(_ name: StaticString, _ value: StaticString, depth: Int, to pen: inout Pen) {
        pen.line(depth + 1)
        pen.text("\"")
        pen.text(name)
        pen.text("\": ")
        pen.text(value)
        pen.text(",")
    }
}
