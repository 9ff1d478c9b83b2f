/// A JSON text with named gaps, laid out once for one depth of indentation: `{{name}}` is a gap, everything else is
/// copied as it stands.
struct Template<Slot: Sendable>: Sendable {
    private struct Segment: Sendable {
        let from: Int
        let count: Int
        let slot: Slot?
    }

    private let bytes: [UInt8]
    private let segments: [Segment]

    /// - Parameters:
    ///   - text: the JSON at depth 0, indented by two spaces.
    ///   - depth: how deep the place is where it will stand; its first line is not indented.
    ///   - slot: the gap of that name; a name without one is a mistake in this module and stops the program at start.
    init(_ text: String, depth: Int, slot: (String) -> Slot?) {
        var bytes: [UInt8] = []
        var segments: [Segment] = []
        var from = 0
        var rest = Substring(text)
        let indent = [UInt8](repeating: UInt8(ascii: " "), count: depth * 2)
        func append(_ literal: Substring) {
            for unit in literal.utf8 {
                bytes.append(unit)
                if unit == UInt8(ascii: "\n") { bytes += indent }
            }
        }
        while let open = rest.firstRange(of: "{{"), let close = rest[open.upperBound...].firstRange(of: "}}") {
            append(rest[..<open.lowerBound])
            let name = String(rest[open.upperBound..<close.lowerBound])
            guard let slot = slot(name) else { preconditionFailure("no slot is called \(name)") }
            segments.append(Segment(from: from, count: bytes.count - from, slot: slot))
            from = bytes.count
            rest = rest[close.upperBound...]
        }
        append(rest)
        segments.append(Segment(from: from, count: bytes.count - from, slot: nil))
        self.bytes = bytes
        self.segments = segments
    }

    /// An upper bound of what the fixed text and gaps of at most 140 bytes each need.
    var sizeBound: Int { bytes.count + segments.count * 140 }

    /// Copies the text and calls `fill` at every gap.
    @inline(__always)
    func write(to pen: inout Pen, fill: (Slot, inout Pen) -> Void) {
        bytes.withUnsafeBytes { raw in
            for segment in segments {
                pen.raw(UnsafeRawBufferPointer(rebasing: raw[segment.from..<segment.from + segment.count]))
                if let slot = segment.slot { fill(slot, &pen) }
            }
        }
    }
}

extension Substring {
    /// The first place of `needle`; the standard library's search is part of another module.
    func firstRange(of needle: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(needle) {
                return start..<index(start, offsetBy: needle.count)
            }
            start = index(after: start)
        }
        return nil
    }
}
