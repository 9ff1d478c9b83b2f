/// Why the embedded database cannot be used. The description says what happened, where, and what to do.
public struct ClusterError: Error, Sendable, CustomStringConvertible {
    /// What kind of trouble, for those who handle it.
    public enum Kind: Sendable, Hashable {
        /// PostgreSQL's server is not installed, or not where it was said to be.
        case noServerBinaries
        /// A directory cannot be made, read or written by whoever needs it.
        case noPermission
        /// The data directory was made by another major version than the binaries.
        case versionMismatch
        /// What is in the data directory is no cluster.
        case notACluster
        /// `initdb` failed, for example because the disk is full.
        case initializationFailed
        /// The server ended at once or did not become ready in time.
        case startFailed
        /// The server does not end.
        case stopFailed
        /// Another process is starting or stopping the same database and does not come to an end.
        case busy
    }

    /// What kind of trouble it is.
    public let kind: Kind
    public let description: String

    init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}
