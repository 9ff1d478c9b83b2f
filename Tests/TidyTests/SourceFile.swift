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
    var imports: [String] { lines.compactMap(Self.importedModule) }

    /// `public import struct Foundation.Data` imports Foundation.
    private static func importedModule(_ line: String) -> String? {
        let words: [String] = line.split(separator: " ").map(String.init)
        guard let index = words.firstIndex(of: "import") else { return nil }
        let modifiers: [String] = Array(words.prefix(upTo: index))
        guard modifiers.allSatisfy({ $0.hasPrefix("@") || accessWords.contains($0) }) else { return nil }
        let rest: [String] = Array(words.dropFirst(index + 1))
        guard let name = rest.first(where: { !kindWords.contains($0) }) else { return nil }
        return name.split(separator: ".").first.map(String.init)
    }

    private static let accessWords: Set<String> = ["public", "package", "internal", "private", "fileprivate"]
    private static let kindWords: Set<String> = [
        "struct", "class", "enum", "func", "var", "let", "protocol", "typealias",
    ]

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
