import Foundation
import Testing

/// Style as a test: what a person should not have to look for in a review.
@Suite("Tidy")
struct TidyTests {
    static let lineLengthMax = 120
    static let functionLinesMax = 70
    static let fileLinesMax = 700

    let sources: [SourceFile]
    let tests: [SourceFile]

    init() throws {
        sources = try SourceFile.all(below: "Sources")
        tests = try SourceFile.all(below: "Tests")
    }

    @Test("there is something to look at")
    func notEmpty() {
        #expect(sources.count > 50)
        #expect(tests.count > 10)
        let functions = sources.map(\.functions.count).reduce(0, +)
        #expect(functions > 300)
    }

    /// The order of DESIGN: a module imports only what stands before it. A target that is not declared as a dependency
    /// can be imported all the same when it happens to be built, so the package manager does not hold this.
    static let order = [
        "Reconciliation", "Schedule", "PostgreSQL", "Curl", "Stripe", "Store", "Credits", "Jobs", "Reports", "Runner",
        "Service", "Sandbox", "trueup", "TrueupBench",
    ]
    /// Neighbours that know nothing of each other.
    static let strangers: [String: Set<String>] = [
        "Schedule": ["Reconciliation"], "PostgreSQL": ["Reconciliation", "Schedule"],
        "Curl": ["Reconciliation", "Schedule", "PostgreSQL"], "Stripe": ["Reconciliation", "Schedule", "PostgreSQL"],
        "Store": ["Curl", "Stripe"],
        "Sandbox": [
            "Reconciliation", "PostgreSQL", "Curl", "Stripe", "Store", "Credits", "Jobs", "Reports", "Runner",
            "Service",
        ],
    ]

    @Test("modules import only modules below them")
    func dependencyOrder() {
        for file in sources {
            guard let own = Self.order.firstIndex(of: file.module) else { continue }
            for module in file.imports {
                guard let other = Self.order.firstIndex(of: module) else { continue }
                #expect(other < own, "\(file.path) imports \(module), which stands above \(file.module)")
                let isStranger = Self.strangers[file.module]?.contains(module) ?? false
                #expect(!isStranger, "\(file.path) imports \(module), of which \(file.module) knows nothing")
            }
        }
    }

    @Test("every module of the sources is one that the order knows")
    func everyModuleIsOrdered() {
        for module in Set(sources.map(\.module)) { #expect(Self.order.contains(module), "\(module)") }
    }

    @Test("modules import only targets that the package declares for them")
    func declaredDependencies() throws {
        // Without white space: a declaration may have several lines.
        let manifest = try String(
            contentsOf: SourceFile.root.appendingPathComponent("Package.swift"), encoding: .utf8
        ).filter { !$0.isWhitespace }
        for file in sources {
            let name = file.module
            let declarations = ["module", "program"].map { "\($0)(\"\(name)\"" }
            guard let start = declarations.lazy.compactMap({ manifest.range(of: $0) }).first else {
                Issue.record("Package.swift has no module \(name)")
                continue
            }
            let declaration = manifest[start.lowerBound...].prefix { $0 != ")" }
            for module in file.imports where Self.order.contains(module) {
                #expect(
                    declaration.contains("\"\(module)\""),
                    "\(file.path) imports \(module), which its target does not declare")
            }
        }
    }

    @Test("the pure modules know no library but Swift's own")
    func pure() {
        for file in sources where file.module == "Reconciliation" {
            #expect(file.imports.isEmpty, "\(file.path) imports \(file.imports)")
        }
        for file in sources where file.module == "Schedule" {
            let foreign = file.imports.filter { !["Glibc", "Musl", "Darwin", "Synchronization"].contains($0) }
            #expect(foreign.isEmpty, "\(file.path) imports \(foreign)")
        }
    }

    @Test("lines, functions and files are short")
    func lengths() {
        for file in sources + tests {
            #expect(file.lines.count <= Self.fileLinesMax, "\(file.path) has \(file.lines.count) lines")
            for (index, line) in file.lines.enumerated() where line.count > Self.lineLengthMax {
                Issue.record("\(file.path):\(index + 1) has \(line.count) columns")
            }
            for function in file.functions where function.length > Self.functionLinesMax {
                Issue.record("\(file.path):\(function.line): a function of \(function.length) lines")
            }
        }
    }

    @Test("nothing is left over")
    func leftovers() {
        // In pieces, so that this file does not find itself.
        let words = [
            "TO" + "DO", "FIX" + "ME", " X" + "XX", "fatalError(\"un" + "implemented", "try" + "!", "as" + "! ",
            "@test" + "able",
        ]
        for file in sources + tests {
            for (index, line) in file.lines.enumerated() {
                for word in words where line.contains(word) {
                    Issue.record("\(file.path):\(index + 1) has \(word)")
                }
            }
        }
    }

    @Test("names say what a thing is")
    func names() {
        for file in sources {
            let name = file.path.components(separatedBy: "/").last ?? ""
            for word in ["Manager", "Helper", "Utils", "Common"] {
                #expect(!name.contains(word), "\(file.path)")
            }
        }
    }
}
