import Store

/// How a job is: ``JobStanding/health``.
public struct JobHealth: Sendable, Hashable {
    /// The raw values are in `trueup jobs --json`.
    public enum State: String, Sendable, Hashable, CaseIterable {
        /// Its last run came to its end, and nothing of the job waits for anybody.
        case ok
        /// It runs now.
        case running
        /// A person keeps the schedule and cron from starting it.
        case paused
        /// Its time has come, and nobody started it.
        case late
        /// Its last run, report or occurrence failed, was incomplete, or was stopped before its end.
        case failing
        /// Its last occurrence did not run.
        case missed
        /// Differences are open, a plan waits, days are unread, or the last report does not say CLEAN.
        case waiting
        case neverRan = "never_ran"
    }

    /// What it looks like from far away.
    public enum Mark: String, Sendable, Hashable {
        case good, warning, bad
    }

    public let state: State
    /// The same and why, in a few words: `late by 3 h`, `89 differences are open`.
    public let word: String
    /// The same as a sentence, with what to do.
    public let advice: Advice

    init(_ state: State, _ word: String, _ advice: Advice) {
        self.state = state
        self.word = word
        self.advice = advice
    }

    public var mark: Mark {
        switch state {
        case .ok, .running: .good
        case .paused, .waiting, .neverRan: .warning
        case .late, .failing, .missed: .bad
        }
    }
}
