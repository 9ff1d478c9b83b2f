import Foundation

/// A Swift file of this checkout.
struct SourceFile: Sendable {
    /// From the top of the checkout: `Sources/Store/Run.swift`.
    let path: String
    let lines: [String]

    /// The top of the checkout.
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// All Swift files below a folder.
    static func all(below folder: String) throws -> [SourceFile] {
        let base = root.appendingPathComponent(folder)
        guard let walk = FileManager.default.enumerator(atPath: base.path) else { return [] }
        var files: [SourceFile] = []
        for case let name as String in walk where name.hasSuffix(".swift") {
            let text = try String(contentsOf: base.appendingPathComponent(name), encoding: .utf8)
            files.append(SourceFile(path: folder + "/" + name, lines: text.components(separatedBy: "\n")))
        }
        return files.sorted { $0.path < $1.path }
    }

    /// The module that the file belongs to.
    var module: String { path.components(separatedBy: "/")[1] }

    /// The modules that the file imports.
    var imports: [String] {
        lines.compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            guard let index = words.firstIndex(of: "import"), index + 1 < words.count,
                words[..<index].allSatisfy({ $0.hasPrefix("@") || ["public", "package", "internal"].contains($0) })
            else { return nil }
            let last = words[index + 1...].first {
                !["struct", "class", "enum", "func", "var", "protocol"].contains($0)
            }
            return last.map { String($0.split(separator: ".")[0]) }
        }
    }

    /// Where a function begins and how many lines it has. The formatter puts the closing brace of a body under the
    /// first letter of its declaration, which is what this relies on.
    var functions: [(line: Int, length: Int)] {
        let keywords = ["func ", "init(", "init?(", "init<", "deinit", "subscript("]
        var found: [(Int, Int)] = []
        for (index, line) in lines.enumerated() {
            let text = line.drop { $0 == " " }
            guard !text.hasPrefix("//"), keywords.contains(where: { text.contains($0) }) else { continue }
            let words = text.split(separator: " ").map(String.init)
            let modifiers = words.prefix { word in
                !keywords.contains { word.hasPrefix($0.dropLast($0.last == " " ? 1 : 0)) }
            }
            let isDeclaration = modifiers.allSatisfy { $0.hasPrefix("@") || Self.modifierWords.contains($0) }
            guard isDeclaration else { continue }
            let indent = String(repeating: " ", count: line.count - text.count)
            guard let end = lines[index...].firstIndex(of: indent + "}") else { continue }
            found.append((index + 1, end - index + 1))
        }
        return found
    }

    private static let modifierWords: Set<String> = [
        "public", "package", "internal", "private", "fileprivate", "static", "final", "override", "mutating",
        "nonisolated", "isolated", "convenience", "required", "consuming", "borrowing", "class",
    ]
}
