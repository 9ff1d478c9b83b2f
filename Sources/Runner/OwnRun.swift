import Store

/// A run that this process answers for: others may read windows of it, all that comes after the reading is done here.
struct OwnRun: Sendable {
    let run: Run
    /// Every transaction of the run holds it.
    let fence: RunFence
    /// This process as a reader of windows; unique among all.
    let reader: String
    /// How long windows are held without a sign of life.
    let leaseSeconds: Double
    /// Whose keys it reads with.
    let accounts: [VerifiedAccount]

    var windows: Windows { Windows(fence, reader: reader, leaseSeconds: leaseSeconds) }
}
