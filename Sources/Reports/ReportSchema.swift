import Reconciliation

/// The JSON Schema (draft 2020-12) of `report.json`, made from the columns that the renderer writes.
public enum ReportSchema {
    /// The whole schema, one definition to a line.
    public static func json() -> String {
        var lists: [String] = []
        for (key, title, columns) in tables {
            let properties = columns.flatMap { property($0, columns) }.joined(separator: ",\n    ")
            let required = columns.flatMap { [$0.key, $0.unitKey(in: columns)].compactMap(\.self) }
                .map { "\"\($0)\"" }.joined(separator: ",")
            lists.append(
                """
                "\(key)":{"title":"\(title)","type":"array","items":{"type":"object","additionalProperties":false,
                   "required":[\(required)],
                   "properties":{
                    \(properties)}}}
                """)
        }
        let states = StatementState.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ",")
        let keys = tables.map(\.0).filter { $0 != "charges" }.map { "\"\($0)\"" }.joined(separator: ",")
        return """
            {"$schema":"https://json-schema.org/draft/2020-12/schema",
             "title":"Trueup discrepancy report","type":"object","additionalProperties":false,
             "required":["format","report",\(keys)],
             "$defs":{
              "money":{"type":"object","additionalProperties":false,"required":["minor_units","currency","amount"],
               "properties":{"minor_units":{"type":"integer"},"currency":{"type":"string","pattern":"^[a-z0-9]*$"},
                "amount":{"type":"string","pattern":"^-?[0-9]+([.][0-9]+)?$"}}},
              "time":{"type":"string",
               "pattern":"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[+-][0-9]{2}:[0-9]{2}(:[0-9]{2})?$"},
              "state":{"type":"string","enum":[\(states)]}},
             "properties":{
              "format":{"type":"string","const":"\(JSONRenderer.format)"},
              "report":\(header),
              \(lists.joined(separator: ",\n  "))}}

            """
    }

    private static var tables: [(String, String, [Column])] {
        [
            ("summary", "Summary", SummarySheet.columns), ("statement", "Statement", StatementSheet.columns),
            ("charges", "Charges", ChargesSheet.columns), ("open_items", "Open items", OpenItemsSheet.columns("UTC")),
            ("item_effects", "Item effects", ItemEffectsSheet.columns),
            ("resolved", "Resolved", ResolvedSheet.columns("UTC")),
            ("changed_since_sign_off", "Changed since sign-off", ChangedSheet.columns),
            ("aging", "Aging", AgingSheet.columns), ("repairs", "Repairs", RepairsSheet.columns("UTC")),
            ("controls", "Controls", ControlsSheet.columns),
            ("control_totals", "Control totals", ControlTotalsSheet.columns),
            ("tie_out", "Tie-out", TieOutSheet.columns),
            ("definitions", "Definitions", DefinitionsSheet.columns), ("matched", "Matched", MatchedColumns.columns),
        ]
    }

    /// A column's members; with one whose values have any type goes what their numbers count.
    private static func property(_ column: Column, _ columns: [Column]) -> [String] {
        let shape =
            switch column.type {
            case .text, .id: "{\"type\":[\"string\",\"null\"]}"
            case .count, .credits, .share: "{\"type\":[\"integer\",\"null\"]}"
            case .money: "{\"anyOf\":[{\"$ref\":\"#/$defs/money\"},{\"type\":\"null\"}]}"
            case .time: "{\"anyOf\":[{\"$ref\":\"#/$defs/time\"},{\"type\":\"null\"}]}"
            case .mixed:
                "{\"anyOf\":[{\"$ref\":\"#/$defs/money\"},{\"type\":[\"string\",\"integer\",\"null\"]}]}"
            }
        let own = "\"\(column.key)\":\(shape)"
        if let unit = column.unitKey(in: columns) {
            let words = CellUnit.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ",")
            let text = "What a whole number in \(column.key) counts. per 10000: 9222 is 92.22 %."
            return [
                own,
                "\"\(unit)\":{\"description\":\"\(text)\","
                    + "\"anyOf\":[{\"type\":\"string\",\"enum\":[\(words)]},{\"type\":\"null\"}]}",
            ]
        }
        guard column.key == "stripe_invoice" || column.key == "payment_intent" else { return [own] }
        let url = "\"\(column.key)_url\":{\"type\":\"string\",\"pattern\":\"^https://dashboard[.]stripe[.]com/\"}"
        return [own, url]
    }

    private static let header = """
        {"type":"object","additionalProperties":false,
           "required":["id","title","state","verdict","gaps","cut_off","zone","history_from","read_from","generated_at",
            "run","previous_manifest_sha256","accounts","trend"],
           "properties":{"id":{"type":"string"},"title":{"type":"string"},"state":{"$ref":"#/$defs/state"},
            "verdict":{"type":"string"},"gaps":{"type":"array","items":{"type":"string"}},
            "cut_off":{"type":"object","additionalProperties":false,"required":["seconds","zone","local","utc"],
             "properties":{"seconds":{"type":"integer"},"zone":{"type":"string"},"local":{"type":"string"},
              "utc":{"type":"string"}}},
            "zone":{"type":"string"},
            "history_from":{"type":["string","null"],"pattern":"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
            "read_from":{"type":"object","additionalProperties":false,"required":["credits","charges"],
             "properties":{"credits":{"anyOf":[{"$ref":"#/$defs/time"},{"type":"null"}]},
              "charges":{"anyOf":[{"$ref":"#/$defs/time"},{"type":"null"}]}}},
            "generated_at":{"$ref":"#/$defs/time"},"run":{"type":"string"},
            "previous_manifest_sha256":{"type":["string","null"]},
            "accounts":{"type":"array","items":{"type":"object","additionalProperties":false,
             "required":["name","stripe_id","live"],"properties":{"name":{"type":"string"},
              "stripe_id":{"type":["string","null"]},"live":{"type":"boolean"}}}},
            "trend":{"type":"array","items":{"type":"object","additionalProperties":false,
             "required":["at","open_items","state"],"properties":{"at":{"$ref":"#/$defs/time"},
              "open_items":{"type":"integer"},"state":{"$ref":"#/$defs/state"}}}}}}
        """
}
