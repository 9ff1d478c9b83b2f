import CLibpq

/// One statement of a pipeline.
public struct Statement: Sendable {
    /// One statement, without a semicolon.
    public var sql: String
    /// `$1`, `$2` and so on.
    public var parameters: [any PostgresEncodable]

    public init(_ sql: String, _ parameters: (any PostgresEncodable)...) {
        self.init(sql, parameters: parameters)
    }

    public init(_ sql: String, parameters: [any PostgresEncodable]) {
        self.sql = sql
        self.parameters = parameters
    }
}

/// What one statement of a pipeline gave.
public struct Outcome: Sendable {
    /// Rows changed, or returned.
    public let affected: Int
    /// The rows returned; none for a plain INSERT.
    public let rows: [Row]
}

extension Wire {
    /// More statements than this in one pipeline would let unread answers grow without a bound.
    static let pipelineMaximum = 10_000

    /// Sends all statements and one Sync, then reads all answers:
    /// <https://www.postgresql.org/docs/15/libpq-pipeline-mode.html>.
    func pipeline(_ statements: [Statement]) throws(PostgresError) -> [Outcome] {
        guard !statements.isEmpty else { return [] }
        guard statements.count <= Self.pipelineMaximum else {
            throw PostgresError(
                .misuse("\(statements.count) statements in one pipeline; \(Self.pipelineMaximum) are the limit"))
        }
        var encoded: [EncodedParameters] = []
        for statement in statements {
            encoded.append(try EncodedParameters(statement.parameters, sql: statement.sql))
        }
        let commits = transactionStatus == PQTRANS_IDLE
        guard PQenterPipelineMode(connection) == 1 else { throw sendError("") }
        do throws(PostgresError) {
            for (statement, parameters) in zip(statements, encoded) { try queue(statement.sql, parameters) }
            guard PQpipelineSync(connection) == 1 else { throw connectionError() }
            try flush()
            let outcomes = try pipelineOutcomes(statements)
            PQexitPipelineMode(connection)
            return try outcomes.get()
        } catch {
            // Whatever is thrown before the Sync was answered leaves the two sides out of step.
            if PQpipelineStatus(connection) != PQ_PIPELINE_OFF { markOutOfStep() }
            guard commits, case .connection(let reason, let server) = error.kind else { throw error }
            throw PostgresError(.commitOutcomeUnknown(reason: reason, server: server))
        }
    }

    private func queue(_ sql: String, _ encoded: EncodedParameters) throws(PostgresError) {
        let sent = encoded.withPointers { count, types, values, lengths, formats in
            PQsendQueryParams(connection, sql, count, types, values, lengths, formats, 1)
        }
        guard sent == 1 else { throw connectionError() }
    }

    /// Reads up to the Sync, so that the connection is usable after an error too.
    private func pipelineOutcomes(_ statements: [Statement]) throws(PostgresError) -> Result<[Outcome], PostgresError> {
        var outcomes: [Outcome] = []
        var failure: PostgresError?
        var position = 0
        while true {
            guard let pointer = try nextResult() else {
                // The end of one statement's results. There is one for each statement and none for the Sync.
                guard !isBroken, position < statements.count else { throw ended(failure) }
                position += 1
                continue
            }
            let result = ResultHandle(pointer, sql: position < statements.count ? statements[position].sql : "")
            switch PQresultStatus(pointer) {
            case PGRES_PIPELINE_SYNC:
                if var failure {
                    refine(&failure)
                    return .failure(failure)
                }
                return .success(outcomes)
            case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
                outcomes.append(Outcome(affected: result.affected, rows: result.rows))
            case PGRES_PIPELINE_ABORTED: break
            default:
                failure = failure ?? error(of: result)
                if isBroken { throw ended(failure) }
            }
        }
    }

    /// What a pipeline throws whose answers end too early: the server's last words, where it had any. They are no
    /// refusal of a statement, or the caller would take a transaction of unknown outcome for one that did nothing.
    private func ended(_ failure: PostgresError?) -> PostgresError {
        guard var failure else { return connectionError() }
        refine(&failure)
        return failure
    }
}
