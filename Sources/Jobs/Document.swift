import Yams

/// A file's bytes as a tree of nodes, with everything refused that YAML allows and a job file has no use for.
package enum Document {
    package static let limitBytes = 1 << 20
    /// Each of these can double what the ones before it stand for; with 20 a file cannot grow beyond reason.
    private static let aliasLimit = 20
    private static let depthLimit = 32
    private static let nodeLimit = 50_000

    /// The root mapping, or `nil` after reporting why there is none.
    /// - Parameter first: what is expected of a file that holds nothing: the key that no such file goes without.
    package static func root(_ source: SourceText, first: String) -> Node? {
        guard let text = text(source) else { return nil }
        guard hasContent(text) else { return reportEmpty(source, first) }
        guard isShallow(text, source) else { return nil }
        source.reportSecrets()
        guard let node = compose(text, source, first) else { return nil }
        guard case .mapping = node else {
            source.report(
                "the file holds \(form(node))", at: node.place, expected: "a mapping: lines of the form \"key: value\"")
            return nil
        }
        return node
    }

    /// What a node is, for messages.
    package static func form(_ node: Node) -> String {
        switch node {
        case .scalar(let scalar): scalar.isNull ? "nothing" : quoted(scalar.string)
        case .sequence: "a list"
        case .mapping: "a mapping"
        case .alias: "an alias"
        }
    }

    private static func text(_ source: SourceText) -> String? {
        var bytes = source.bytes[...]
        if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
            source.report("the file is UTF-16 text; save it as UTF-8", at: nil)
            return nil
        }
        // A byte order mark says nothing in UTF-8; editors on Windows write one.
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = bytes.dropFirst(3) }
        if let zero = bytes.firstIndex(of: 0) {
            let line = bytes[..<zero].count { $0 == UInt8(ascii: "\n") } + 1
            source.report("the file holds a NUL character; it is not text", at: .init(line: line, column: 1))
            return nil
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            source.report("the file is not UTF-8 text", at: firstInvalidLine(bytes))
            return nil
        }
        return text
    }

    private static func firstInvalidLine(_ bytes: ArraySlice<UInt8>) -> SourceText.Place? {
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        return lines.firstIndex { String(validating: $0, as: UTF8.self) == nil }
            .map { SourceText.Place(line: $0 + 1, column: 1) }
    }

    private static func hasContent(_ text: String) -> Bool {
        !text.utf8.split(separator: UInt8(ascii: "\n")).allSatisfy { line in
            let head = line.drop { $0 <= 0x20 }.first
            return head == nil || head == UInt8(ascii: "#") || line.elementsEqual("---".utf8)
        }
    }

    private static func reportEmpty(_ source: SourceText, _ first: String) -> Node? {
        source.report("the file is empty", at: .init(line: 1, column: 1), expected: first)
        return nil
    }

    /// Counts what could be aliases and how deep brackets nest, before a parser that trusts its input sees the text.
    private static func isShallow(_ text: String, _ source: SourceText) -> Bool {
        var aliases = 0
        var depth = 0
        var line = 1
        var previous: UInt8 = UInt8(ascii: "\n")
        var isAfterStar = false
        for byte in text.utf8 {
            if isAfterStar, byte > 0x20, byte != UInt8(ascii: "*") { aliases += 1 }
            isAfterStar = byte == UInt8(ascii: "*") && !isWordByte(previous)
            switch byte {
            case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"): depth = max(0, depth - 1)
            case UInt8(ascii: "\n"): line += 1
            default: break
            }
            previous = byte
            if depth > 200 {
                source.report("brackets are nested more than 200 deep", at: .init(line: line, column: 1))
                return false
            }
        }
        if aliases > aliasLimit {
            source.report("the file has more than \(aliasLimit) aliases (*name); write the values out", at: nil)
            return false
        }
        return true
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (65...90).contains(byte & 0xDF) || byte >= 0x80
    }

    /// Composes, and finds every duplicate key: Yams stops at the first one, so the earlier of the two is renamed in
    /// place to a name that nobody can type, and the text is composed again.
    private static func compose(_ text: String, _ source: SourceText, _ first: String) -> Node? {
        var text = text
        var duplicates = Duplicates()
        while true {
            do {
                // The parser owns the anchors; it lives until the tree has been looked through.
                let parser = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
                guard let node = try parser.singleRoot() else { return reportEmpty(source, first) }
                var budget = nodeLimit
                guard isSmall(node, source, depth: 0, budget: &budget) else { return nil }
                return duplicates.reported(in: node, source)
            } catch YamlError.duplicatedKeysInMapping(let names, let context) {
                let place = SourceText.Place(line: context.mark.line, column: context.mark.column)
                guard let renamed = duplicates.rename(names.first ?? "", in: text, at: place) else {
                    source.report("duplicate key \(quoted(names.first ?? ""))", at: place)
                    return nil
                }
                text = renamed
            } catch let error as YamlError {
                report(error, source, text)
                return nil
            } catch {
                source.report("the file cannot be parsed", at: nil)
                return nil
            }
        }
    }

    private static func isSmall(_ node: Node, _ source: SourceText, depth: Int, budget: inout Int) -> Bool {
        budget -= 1
        guard depth < depthLimit, budget > 0 else {
            let reason = budget > 0 ? "nested more than \(depthLimit) deep" : "more than \(nodeLimit) values"
            source.report(reason, at: node.place)
            return false
        }
        switch node {
        case .scalar, .alias: return true
        case .sequence(let list):
            for element in list where !isSmall(element, source, depth: depth + 1, budget: &budget) { return false }
            return true
        case .mapping(let mapping):
            for (key, value) in mapping {
                guard isSmall(key, source, depth: depth + 1, budget: &budget),
                    isSmall(value, source, depth: depth + 1, budget: &budget)
                else { return false }
            }
            return true
        }
    }

    private static func report(_ error: YamlError, _ source: SourceText, _ text: String) {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let place = SourceText.Place(line: mark.line, column: mark.column)
            source.report(explained(problem, context: context?.text, text: text, place: place), at: place)
        case .reader(let problem, _, _, _): source.report("not valid YAML: \(problem)", at: nil)
        default: source.report("not valid YAML", at: nil)
        }
    }

    /// libyaml's words, with a hint where the cause is a common one.
    private static func explained(
        _ problem: String, context: String?, text: String, place: SourceText.Place
    ) -> String {
        let lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let line = lines.indices.contains(place.line - 1) ? Array(lines[place.line - 1]) : []
        let message = "not valid YAML: " + (context.map { "\($0): " } ?? "") + problem
        let indentation = line.prefix { $0 <= 0x20 }
        if indentation.contains(UInt8(ascii: "\t")) {
            return message + " (YAML is indented with spaces; this line begins with a tab)"
        }
        if problem.contains("alphabetic or numeric character"), context?.contains("alias") == true {
            return message + " (a value that begins with * must be in quotes)"
        }
        if problem.contains("another document") { return message + " (one file holds one job)" }
        if problem.contains("mapping values are not allowed") {
            return message + " (a value with a colon and a space must be in quotes)"
        }
        return message
    }
}

/// Keys that were renamed because a later key of the same mapping has the same name.
private struct Duplicates {
    private var originals: [Unicode.Scalar: (name: String, place: SourceText.Place)] = [:]

    /// From the private use area: allowed in YAML, on no keyboard.
    private static let first: UInt32 = 0xF0000

    /// Replaces the key's first character, so that no line or column moves.
    mutating func rename(_ name: String, in text: String, at place: SourceText.Place) -> String? {
        guard originals.count < 100, let mark = Unicode.Scalar(Duplicates.first + UInt32(originals.count)) else {
            return nil
        }
        var scalars = Array(text.unicodeScalars)
        var line = 1
        var index = 0
        while index < scalars.count, line < place.line {
            if scalars[index] == "\n" { line += 1 }
            index += 1
        }
        index += place.column - 1
        guard index < scalars.count else { return nil }
        if scalars[index] == "\"" || scalars[index] == "'" { index += 1 }
        guard index < scalars.count, isPlain(scalars[index]) else { return nil }
        scalars[index] = mark
        originals[mark] = (name, place)
        return String(String.UnicodeScalarView(scalars))
    }

    private func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || scalar == "_" || scalar == "<"
    }

    /// Reports every pair and gives the tree with the renamed keys as they were: what is wrong behind the earlier of
    /// two is said with everything else, and the later one counts.
    func reported(in node: Node, _ source: SourceText) -> Node {
        guard !originals.isEmpty else { return node }
        switch node {
        case .scalar, .alias: return node
        case .sequence(var list):
            for index in list.indices { list[index] = reported(in: list[index], source) }
            return .sequence(list)
        case .mapping(let mapping):
            var kept: [(Node, Node)] = []
            var earlier: [(name: String, place: SourceText.Place)] = []
            for (key, value) in mapping {
                let name = key.scalar?.string ?? ""
                if let mark = name.unicodeScalars.first, let original = originals[mark] {
                    earlier.append(original)
                    kept.append((key.renamed(original.name), reported(in: value, source)))
                    continue
                }
                for original in earlier where original.name == name {
                    source.report(
                        "duplicate key \(quoted(name)); it is already on line \(original.place.line)", at: key.place)
                }
                kept.append((key, reported(in: value, source)))
            }
            return .mapping(Node.Mapping(kept, mapping.tag, mapping.style, mapping.mark))
        }
    }
}

extension Node {
    /// The same key under another name.
    fileprivate func renamed(_ name: String) -> Node {
        guard case .scalar(let scalar) = self else { return self }
        return .scalar(Node.Scalar(name, scalar.tag, scalar.style, scalar.mark))
    }

    /// Where the node begins.
    var place: SourceText.Place? {
        mark.map { SourceText.Place(line: $0.line, column: $0.column) }
    }
}

extension Node.Scalar {
    /// Plain `null`, `~` or nothing at all.
    var isNull: Bool {
        style == .plain && ["", "~", "null", "Null", "NULL"].contains(string)
    }
}
