import Foundation

/// JSON as Foundation reads it: the oracle that the decoder is compared with.
struct OracleObject {
    let members: [String: Any]

    init(_ members: [String: Any]) {
        self.members = members
    }

    init(_ bytes: [UInt8]) throws {
        guard let members = try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any] else {
            throw CocoaError(.propertyListReadCorrupt)
        }
        self.members = members
    }

    var list: [OracleObject] {
        (members["data"] as? [[String: Any]] ?? []).map(OracleObject.init)
    }

    func object(_ key: String) -> OracleObject {
        OracleObject(members[key] as? [String: Any] ?? [:])
    }

    func text(_ key: String) -> String? {
        members[key] as? String
    }

    /// An id, or the id of an expanded object.
    func reference(_ key: String) -> String? {
        text(key) ?? object(key).text("id")
    }

    func integer(_ key: String) -> Int64? {
        (members[key] as? NSNumber)?.int64Value
    }

    func flag(_ key: String) -> Bool? {
        (members[key] as? NSNumber)?.boolValue
    }

    var data: [UInt8] {
        get throws { Array(try JSONSerialization.data(withJSONObject: members)) }
    }
}
