extension InvoiceRenderer {
    /// The metadata of an invoice as keys and values, in the order in which they are written.
    func metadata(of record: InvoiceRecord) -> [(key: String, value: String)] {
        if let words = record.words { return words.metadata }
        switch record.theme {
        case .plain:
            guard record.hash & 3 != 0 else { return [] }
            return [
                ("source", Base62.text(record.hash >> 8, digits: 8)),
                ("user_id", Base62.text(record.hash >> 4, digits: 10)),
            ]
        case .order(let order, let agency, let member, _):
            return [
                ("agency_id", String(agency)), ("agency_member_id", String(member)), ("order_id", String(order)),
            ]
        case .agency(let agency): return [("agency_id", String(agency))]
        }
    }

    func description(of record: InvoiceRecord) -> String? {
        if let words = record.words { return words.description }
        return rendered { writeDescription(record, to: &$0) }
    }

    func footer(of record: InvoiceRecord) -> String? {
        if let words = record.words { return words.footer }
        return rendered { writeFooter(record, to: &$0) }
    }

    func description(of line: InvoiceLine) -> String? {
        if case .custom(let text) = line.words { return text }
        return rendered { writeDescription(line, to: &$0) }
    }

    /// A generated JSON string without escapes, back as a string.
    private func rendered(_ write: (inout Pen) -> Void) -> String? {
        let text = String(unsafeUninitializedCapacity: 512) { buffer in
            var pen = Pen(UnsafeMutableRawBufferPointer(buffer))
            write(&pen)
            return pen.count
        }
        return text == "null" ? nil : String(text.dropFirst().dropLast())
    }
}

extension Base62 {
    static func text(_ value: UInt64, digits count: Int) -> String {
        String(unsafeUninitializedCapacity: count) { buffer in
            var pen = Pen(UnsafeMutableRawBufferPointer(buffer))
            pen.base62(value, digits: count)
            return pen.count
        }
    }
}
