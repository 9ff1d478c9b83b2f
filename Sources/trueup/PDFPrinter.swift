import Foundation

/// Prints the HTML of a report with headless Chromium, as a person would from the browser. Its PDF carries the time of
/// printing, so it is no part of the manifest: what is proven is the page that it was printed from.
enum PDFPrinter {
    private static let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
    private static let seconds = 180

    /// The browser's path, or `nil`.
    static var browser: String? {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin").split(separator: ":")
        for folder in folders {
            for name in names where FileManager.default.isExecutableFile(atPath: "\(folder)/\(name)") {
                return "\(folder)/\(name)"
            }
        }
        return nil
    }

    /// Refuses before the work, not after it.
    static func check() throws {
        guard browser == nil else { return }
        throw CommandError(
            "--format pdf prints the page with headless Chromium, and none is installed. Install it (Debian: apt-get "
                + "install chromium), or print report.html from any browser: its style is made for paper.")
    }

    static func print(_ page: String, to file: String) throws {
        guard let browser else { return try check() }
        let manager = FileManager.default
        let profile = manager.temporaryDirectory.path + "/trueup-print-" + UUID().uuidString
        defer { try? manager.removeItem(atPath: profile) }
        let absolute = page.hasPrefix("/") ? page : manager.currentDirectoryPath + "/" + page
        let temporary = file + ".\(ProcessInfo.processInfo.processIdentifier).tmp"
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        // The page is our own, without network; as root Chromium refuses its own sandbox.
        let sandbox = geteuid() == 0 ? ["--no-sandbox"] : []
        process.arguments =
            ["timeout", String(seconds), browser, "--headless=new", "--disable-gpu", "--no-pdf-header-footer"] + sandbox
            + ["--user-data-dir=\(profile)", "--print-to-pdf=\(temporary)"]
            + [URL(fileURLWithPath: absolute).absoluteString]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0, manager.fileExists(atPath: temporary) else {
            try? manager.removeItem(atPath: temporary)
            throw CommandError(
                "\(browser) did not print \(page) (exit code \(process.terminationStatus)). The other files are whole; "
                    + "print report.html from a browser.")
        }
        // As the other files of a report: for its owner and group.
        guard chmod(temporary, 0o640) == 0, rename(temporary, file) == 0 else {
            throw CommandError("\(temporary) could not be renamed: \(String(cString: strerror(errno)))")
        }
    }
}
