import Foundation
import Glibc

/// What a process that was killed while it wrote a report left behind: files under temporary names, and folders in
/// which nothing else is. Whole files are never touched.
public enum ReportLeftovers {
    /// The beginning of the names of folders that are only worked in.
    package static let scratchPrefix = "trueup-report-"

    /// A folder to work in: its name says whose it is.
    package static func scratchFolder() -> String {
        FileManager.default.temporaryDirectory.path + "/\(scratchPrefix)\(getpid())-" + UUID().uuidString
    }

    /// Takes away what ended processes left in a folder and below it.
    /// - Parameters:
    ///   - folder: such as `reports/balance-report`; a missing one has nothing.
    ///   - olderThanSeconds: what was touched since is left: on a shared disk it may be a process of another host.
    /// - Returns: how many files and folders went.
    @discardableResult
    public static func sweep(_ folder: String, olderThanSeconds: Int64 = 3_600) -> Int {
        let manager = FileManager.default
        guard let found = manager.enumerator(atPath: folder) else { return 0 }
        var gone = 0
        var emptied: Set<String> = []
        for case let path as String in found {
            let name = String(path.split(separator: "/").last ?? "")
            guard let process = writer(ofTemporary: name), isLeft(folder + "/" + path, process, olderThanSeconds) else {
                continue
            }
            guard unlink(folder + "/" + path) == 0 else { continue }
            gone += 1
            emptied.insert(String(path.dropLast(name.count)))
        }
        // A folder goes with its last file, and the one above it with it; one that holds anything stays.
        for path in emptied.sorted(by: { $0.count > $1.count }) {
            var parts = path.split(separator: "/")
            while !parts.isEmpty, rmdir(folder + "/" + parts.joined(separator: "/")) == 0 {
                gone += 1
                parts.removeLast()
            }
        }
        return gone
    }

    /// Takes away the folders that ended processes worked in.
    @discardableResult
    package static func sweepScratch(olderThanSeconds: Int64 = 3_600) -> Int {
        let manager = FileManager.default
        let folder = manager.temporaryDirectory.path
        var gone = 0
        for name in (try? manager.contentsOfDirectory(atPath: folder)) ?? [] where name.hasPrefix(scratchPrefix) {
            guard let process = name.dropFirst(scratchPrefix.count).split(separator: "-").first.flatMap({ pid_t($0) }),
                isLeft(folder + "/" + name, process, olderThanSeconds)
            else { continue }
            if (try? manager.removeItem(atPath: folder + "/" + name)) != nil { gone += 1 }
        }
        return gone
    }

    /// The process whose temporary file a name like `.report.html.4711.tmp` is.
    private static func writer(ofTemporary name: String) -> pid_t? {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count >= 4, parts[0].isEmpty, parts.last == "tmp" else { return nil }
        return pid_t(parts[parts.count - 2])
    }

    private static func isLeft(_ path: String, _ process: pid_t, _ olderThanSeconds: Int64) -> Bool {
        var status = stat()
        guard process > 0, lstat(path, &status) == 0,
            Int64(time(nil)) - Int64(status.st_mtim.tv_sec) >= olderThanSeconds
        else { return false }
        return kill(process, 0) != 0 && errno == ESRCH
    }
}
