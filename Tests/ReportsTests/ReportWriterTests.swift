import Foundation
import Glibc
import Reconciliation
import Reports
import Schedule
import Testing

@Suite("Writing")
struct ReportWriterTests {
    static func matched(_ count: Int) -> [MatchedRow] {
        var rows: [MatchedRow] = []
        SampleReport().matched(count) { rows += $0 }
        return rows
    }

    @Test("the same data gives the same bytes, in every format")
    func deterministic() throws {
        var sample = SampleReport()
        sample.charged = 20
        let first = try Scratch()
        let second = try Scratch()
        let one = try first.write(try sample.make(), matched: Self.matched(50))
        // What order the items come in must not matter either.
        var report = try sample.make()
        report.items.reverse()
        report.repairs.reverse()
        report.resolved.reverse()
        let other = try second.write(report, matched: Self.matched(50))
        #expect(one == other)
        #expect(one.files.count == 18)
    }

    @Test("the manifest names every file with its true hash, and nothing else is left in the folder")
    func manifest() throws {
        let scratch = try Scratch()
        let manifest = try scratch.write(try SampleReport().make(), matched: Self.matched(3))
        for entry in manifest.files {
            #expect(try FileDigest(path: scratch.path + "/" + entry.name) == entry.digest)
        }
        let files = Set(try scratch.names()).subtracting(["csv"])
        #expect(files == Set(manifest.files.map(\.name) + ["manifest.json"]))
        let json = try JSONText.object(try scratch.text("manifest.json"))
        #expect(json["format"] as? String == "trueup.report.manifest/1")
        #expect(json["matched"] as? Int == 3)
        #expect(json["previous_manifest_sha256"] as? String == String(repeating: "a7", count: 32))
        #expect(try FileDigest(path: scratch.path + "/manifest.json") == manifest.digest)
    }

    @Test(
        "a folder that is used again holds one report: what another left goes, the same one's page of signatures stays")
    func usedAgain() throws {
        let scratch = try Scratch()
        let report = try SampleReport().make()
        try scratch.write(report, matched: Self.matched(2))
        for name in ["signatures.html", "note.txt"] {
            try "x".write(toFile: scratch.path + "/" + name, atomically: true, encoding: .utf8)
        }
        try scratch.write(report, matched: Self.matched(2))
        #expect(try scratch.names().contains("signatures.html"))
        // What people signed is not taken away for another report.
        let signed = try Set(scratch.names())
        #expect(throws: ReportError.signedFolder(scratch.path)) {
            try scratch.write(report, [.json, .text], matched: Self.matched(3))
        }
        #expect(try Set(scratch.names()) == signed)
        try FileManager.default.removeItem(atPath: scratch.path + "/signatures.html")
        let other = try scratch.write(report, [.json, .text], matched: Self.matched(3))
        #expect(try Set(scratch.names()) == Set(other.files.map(\.name) + ["manifest.json", "note.txt"]))
    }

    @Test("a page of signatures holds what was given, also where nobody accepted anything or wrote a note")
    func signatures() throws {
        func signature(_ person: String, note: String = "", accepted: String = "") -> SignaturePage.Signature {
            SignaturePage.Signature(
                role: "preparer", person: person, systemUser: "ann", databaseUser: "trueup", isSharedLogin: false,
                note: note, accepted: accepted, atSeconds: 1_795_500_000,
                manifestHash: String(repeating: "a7", count: 32))
        }
        func page(_ signatures: [SignaturePage.Signature]) throws -> SignaturePage {
            SignaturePage(
                number: 2, name: "night", state: "EXPLAINED", verdict: "Two items.", cutOffSeconds: 1_795_400_000,
                zone: try Zone.load("America/New_York"), manifestHash: String(repeating: "a7", count: 32), files: [],
                signatures: signatures)
        }
        let plain = [signature("Ann Lee"), signature("Bo Ray", note: "checked")]
        let scratch = try Scratch()
        _ = try page(plain).write(into: scratch.path)
        let text = try scratch.text(SignaturePage.fileName)
        #expect(try page(plain).differences(from: text).isEmpty)
        func wrong(_ last: SignaturePage.Signature) throws -> [String] {
            try page([plain[0], last]).differences(from: text)
        }
        #expect(try page([plain[0]]).differences(from: text).contains("the number of signatures"))
        #expect(try wrong(signature("Bo Ray", note: "forged")) == ["Preparer, Checked"])
        // A word that the page has in another place is not in this one.
        #expect(try wrong(signature("Ann Lee", note: "checked")) == ["Preparer, Name, as typed"])
        #expect(try wrong(signature("Bo Ray", note: "")) == ["Preparer, Checked"])
        #expect(try wrong(signature("Bo Ray", note: "checked", accepted: "why")).contains("whether it is signed"))
        var other = plain[1]
        other.atSeconds -= 3_600
        other.systemUser = "bo"
        other.isSharedLogin = true
        #expect(
            try wrong(other) == ["Preparer, Signed", "Preparer, User of the machine", "Preparer, Shared login"])
        var superseded = try page(plain)
        superseded.supersededBy = 3
        #expect(superseded.differences(from: text) == ["whether it is signed"])
        // Until it has both signatures, the one that is to take its place changes no heading, and is named.
        superseded = try page(plain)
        superseded.isToBeSupersededBy = 3
        #expect(superseded.differences(from: text) == ["which is to take its place"])
        let waiting = try Scratch()
        try superseded.write(into: waiting.path)
        let pending = try waiting.text(SignaturePage.fileName)
        #expect(pending.contains("To be superseded by report 3, once its reviewer signs. Until then this one counts."))
        #expect(pending.contains("<h1>SIGNED by two people</h1>") && superseded.differences(from: pending).isEmpty)
        superseded = try page(plain)
        superseded.supersedes = 1
        #expect(superseded.differences(from: text) == ["whose place it takes"])
    }

    @Test("nothing stands under a final name before the end, and nothing at all after a report was given up")
    func atomic() throws {
        let scratch = try Scratch()
        var writer: ReportWriter? = try ReportWriter(try SampleReport().make(), into: scratch.path)
        try writer?.append(Self.matched(2))
        let early = try scratch.names().filter { $0 != "csv" }
        #expect(early.allSatisfy { $0.hasSuffix(".tmp") })
        #expect(!early.isEmpty)
        writer = nil
        #expect(try scratch.names() == ["csv"])
    }

    @Test("what a killed process left goes, with the folder that held nothing else; whole files and the living's stay")
    func leftovers() throws {
        let scratch = try Scratch()
        let manager = FileManager.default
        let ended = Process()
        ended.executableURL = URL(fileURLWithPath: "/bin/true")
        try ended.run()
        ended.waitUntilExit()
        let dead = ended.processIdentifier
        for folder in ["day-r1/csv", "day-r2"] {
            try manager.createDirectory(atPath: scratch.path + "/" + folder, withIntermediateDirectories: true)
        }
        let left = [
            "day-r1/.report.html.\(dead).tmp", "day-r1/csv/.items.csv.\(dead).tmp", "day-r2/.a.json.\(dead).tmp",
        ]
        let kept = ["day-r2/report.json", "day-r2/.report.html.\(getpid()).tmp", "day-r2/.tmp"]
        for path in left + kept { try Data("x".utf8).write(to: URL(fileURLWithPath: scratch.path + "/" + path)) }
        // Just written: it may be a process of another host.
        #expect(ReportLeftovers.sweep(scratch.path) == 0)
        #expect(ReportLeftovers.sweep(scratch.path, olderThanSeconds: 0) == 5)
        #expect(try manager.subpathsOfDirectory(atPath: scratch.path).sorted() == (["day-r2"] + kept).sorted())
        #expect(ReportLeftovers.sweep(scratch.path + "/missing") == 0)
    }

    @Test("a stream to a full device throws, and says what is wrong")
    func fullDevice() throws {
        let descriptor = open("/dev/full", O_WRONLY)
        defer { close(descriptor) }
        let stream = ByteStream(descriptor: descriptor, path: "report.html")
        try stream.write("x")
        #expect(throws: ReportError.file(operation: "write", path: "report.html", code: ENOSPC)) { try stream.flush() }
    }

    @Test(
        "a full disk leaves no file under a final name, whatever the format", .enabled(if: SmallDisk.isPossible),
        arguments: RenderFormat.allCases)
    func fullDisk(_ format: RenderFormat) throws {
        var sample = SampleReport()
        sample.items = 400
        let report = try sample.make()
        // Every size between nothing and enough: the disk fills up in another place each time.
        var failures = 0
        for kilobytes in [4, 16, 40, 64, 100, 140, 180, 240, 320, 400, 600, 1_200, 4_000] {
            let disk = try SmallDisk(kilobytes: kilobytes)
            do {
                let writer = try ReportWriter(report, into: disk.path + "/out", formats: [format])
                try writer.append(Self.matched(2_000))
                let manifest = try writer.finish()
                for entry in manifest.files {
                    #expect(try FileDigest(path: disk.path + "/out/" + entry.name) == entry.digest)
                }
                if format == .xlsx {
                    _ = try Scratch.output([
                        "python3", "-c",
                        "import sys,zipfile; sys.exit(zipfile.ZipFile(sys.argv[1]).testzip() is not None)",
                        disk.path + "/out/report.xlsx",
                    ])
                }
            } catch {
                failures += 1
                let left = (try? FileManager.default.subpathsOfDirectory(atPath: disk.path)) ?? []
                #expect(left.allSatisfy { $0 == "out" || $0 == "out/csv" }, "\(kilobytes) KB: \(left)")
            }
        }
        #expect(failures > 0)
        #expect(failures < 13)
    }

    @Test("a report over an older one replaces it, manifest last")
    func replaces() throws {
        let scratch = try Scratch()
        let first = try scratch.write(try SampleReport().make(), [.json])
        var sample = SampleReport()
        sample.seed = 2
        let second = try scratch.write(try sample.make(), [.json])
        #expect(first.digest != second.digest)
        #expect(try FileDigest(path: scratch.path + "/report.json") == second.files[0].digest)
    }

    @Test("a folder that is a symbolic link to elsewhere is not followed")
    func symbolicLink() throws {
        let scratch = try Scratch()
        let elsewhere = try Scratch()
        try FileManager.default.createSymbolicLink(
            atPath: scratch.path + "/csv", withDestinationPath: elsewhere.path)
        #expect(throws: ReportError.self) { try scratch.write(try SampleReport().make(), [.csv]) }
        #expect(try elsewhere.names().isEmpty)
    }

    @Test("a folder that cannot be made is an error that names it")
    func noFolder() throws {
        let report = try SampleReport().make()
        #expect(throws: ReportError.file(operation: "make the folder", path: "/proc/none/x", code: ENOENT)) {
            _ = try ReportWriter(report, into: "/proc/none/x")
        }
    }

    @Test("items that are not the statement's are refused")
    func inconsistent() throws {
        var report = try SampleReport().make()
        report.items.removeLast()
        let scratch = try Scratch()
        #expect(throws: ReportError.self) { try scratch.write(report, [.json]) }
    }
}

/// A file system of a few kilobytes, where the tests run as root and may mount one.
final class SmallDisk {
    let path: String

    static let isPossible: Bool = (try? SmallDisk(kilobytes: 64)) != nil

    init(kilobytes: Int) throws {
        path = NSTemporaryDirectory() + "/trueup-disk-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        guard mount("tmpfs", path, "tmpfs", 0, "size=\(kilobytes)k") == 0 else {
            rmdir(path)
            throw Scratch.Failure(status: errno)
        }
    }

    deinit {
        umount2(path, Int32(MNT_DETACH))
        rmdir(path)
    }
}
