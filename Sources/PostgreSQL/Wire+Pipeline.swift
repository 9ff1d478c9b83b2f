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
    ///
    /// Inside a transaction, statements that were seen before are prepared. Outside of one, where a statement fails
    /// because its tables have changed since it was prepared, all would have to be sent again.
    /// - Parameter begins: the first statement is BEGIN.
    func pipeline(_ statements: [Statement], begins: Bool = false) throws(PostgresError) -> [Outcome] {
        guard !statements.isEmpty else { return [] }
        guard statements.count <= Self.pipelineMaximum else {
            throw PostgresError(
                .misuse("\(statements.count) statements in one pipeline; \(Self.pipelineMaximum) are the limit"))
        }
        // Of more kinds than this, the cache could drop one before it is sent.
        let areFew = statements.count <= 32 || Set(statements.map(\.sql)).count <= 32
        let usesPrepared = areFew && (begins || transactionStatus == PQTRANS_INTRANS)
        var encoded: [EncodedParameters] = []
        var names: [String?] = []
        for statement in statements {
            let parameters = try EncodedParameters(statement.parameters, sql: statement.sql)
            encoded.append(parameters)
            names.append(usesPrepared ? try preparedName(statement.sql, parameters) : nil)
        }
        let commits = !begins && transactionStatus == PQTRANS_IDLE
        guard PQenterPipelineMode(connection) == 1 else { throw sendError("") }
        do throws(PostgresError) {
            for (index, parameters) in encoded.enumerated() {
                try queue(statements[index].sql, parameters, prepared: names[index])
            }
            guard PQpipelineSync(connection) == 1 else { throw connectionError() }
            try flush()
            let outcomes = try pipelineOutcomes(statements)
            PQexitPipelineMode(connection)
            return try outcomes.get()
        } catch {
            // Whatever is thrown before the Sync was answered leaves the two sides out of step.
            if PQpipelineStatus(connection) != PQ_PIPELINE_OFF { markOutOfStep() }
            if ["0A000", "26000"].contains(error.sqlState) {
                // A prepared statement whose tables changed since: the next transaction prepares it anew.
                for (index, parameters) in encoded.enumerated() where names[index] != nil {
                    _ = self.statements.forget(statements[index].sql, parameters.types)
                }
            }
            guard commits, case .connection(let reason, let server) = error.kind else { throw error }
            throw PostgresError(.commitOutcomeUnknown(reason: reason, server: server))
        }
    }

    private func queue(_ sql: String, _ encoded: EncodedParameters, prepared: String?) throws(PostgresError) {
        let sent = encoded.withPointers { count, types, values, lengths, formats in
            if let prepared {
                PQsendQueryPrepared(connection, prepared, count, values, lengths, formats, 1)
            } else {
                PQsendQueryParams(connection, sql, count, types, values, lengths, formats, 1)
            }
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
