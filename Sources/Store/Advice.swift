/// What is wrong and what to do about it, for people. A command that it names is a value: who writes the sentence does
/// not know which options lead to the reader's job files and database, and who shows it does.
///
///     let advice: Advice = "There is no run \(id) to report on. See: \(command: "trueup runs")"
///     advice.description                             // … See: trueup runs
///     advice.text { $0.words + " --jobs ./jobs" }    // … See: trueup runs --jobs ./jobs
public struct Advice: Sendable, Hashable, CustomStringConvertible {
    /// A command to be given next.
    public struct Command: Sendable, Hashable {
        /// Up to where options stand.
        public let words: String
        /// It is the command that runs, once more as a plan: who knows how it was given says that in its place.
        public let isOwnPlan: Bool
    }

    fileprivate enum Part: Sendable, Hashable {
        case text(String)
        case command(Command)
    }

    fileprivate var parts: [Part]

    /// A text that names no command.
    public init(_ text: String) { parts = [.text(text)] }

    /// The whole text.
    /// - Parameter told: a command as the reader can give it.
    public func text(_ told: (Command) -> String) -> String {
        parts.map { part in
            switch part {
            case .text(let text): text
            case .command(let command): told(command)
            }
        }.joined()
    }

    /// The whole text, in which commands have no options.
    public var description: String { text { $0.words } }
}

extension Advice: ExpressibleByStringInterpolation {
    /// Takes texts as they are, and commands under a label of their own.
    public struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var parts: [Part] = []

        public init(literalCapacity: Int, interpolationCount: Int) {}

        public mutating func appendLiteral(_ literal: String) { append(literal) }

        public mutating func appendInterpolation(_ value: some CustomStringConvertible) { append(value.description) }

        /// The commands of another advice stay values.
        public mutating func appendInterpolation(_ advice: Advice) {
            for part in advice.parts {
                switch part {
                case .text(let text): append(text)
                case .command: parts.append(part)
                }
            }
        }

        /// A command, without options that lead to files and database.
        public mutating func appendInterpolation(command words: String) {
            parts.append(.command(Command(words: words, isOwnPlan: false)))
        }

        /// The command that runs, once more as a plan.
        /// - Parameter words: how it is called where nobody knows how it was given.
        public mutating func appendInterpolation(ownPlan words: String) {
            parts.append(.command(Command(words: words, isOwnPlan: true)))
        }

        /// Texts beside each other become one, so that the same sentence is the same value.
        private mutating func append(_ text: String) {
            guard !text.isEmpty else { return }
            if case .text(let before)? = parts.last {
                parts[parts.count - 1] = .text(before + text)
            } else {
                parts.append(.text(text))
            }
        }
    }

    public init(stringInterpolation: StringInterpolation) { parts = stringInterpolation.parts }

    public init(stringLiteral value: String) { self.init(value) }
}

/// An error that may advise a command. Its description has it without options.
public protocol AdvisesCommand: Error, CustomStringConvertible {
    /// What it says.
    var advice: Advice { get }
}

extension AdvisesCommand {
    public var description: String { advice.description }
}
