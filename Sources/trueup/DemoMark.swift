import Foundation

/// A demo makes its database anew each time. So it only uses a directory that is its own: an empty one, or one that an
/// earlier demo has marked.
enum DemoMark {
    private static let name = "demo"

    /// Marks the directory as a demo's.
    /// - Throws: ``CommandError`` for a directory that holds something else.
    static func claim(_ directory: String) throws {
        let files = FileManager.default
        let mark = directory + "/" + name
        let content = (try? files.contentsOfDirectory(atPath: directory)) ?? []
        guard content.isEmpty || files.fileExists(atPath: mark) else {
            throw CommandError(
                "\(directory) holds something that no demo made, and a demo makes its database anew. Name an empty "
                    + "directory with --data-dir.", code: 64)
        }
        try files.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try Data("The database beside this file is a demo's: the next one makes it anew.\n".utf8).write(
            to: URL(fileURLWithPath: mark))
    }
}
