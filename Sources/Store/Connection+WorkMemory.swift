import PostgreSQL

extension Connection {
    /// For a transaction that reads whole tables: hash tables and sorts of a million rows go without a detour over the
    /// disk; compiling the queries costs more than it saves, and so do processes that help with few hundred thousand
    /// rows, where several runs end at once.
    /// <https://www.postgresql.org/docs/15/runtime-config-resource.html#GUC-WORK-MEM>
    static let wholeTablesSQL = """
        SET LOCAL jit = off;
        SET LOCAL min_parallel_table_scan_size = '128MB';
        SELECT set_config('work_mem', greatest(pg_size_bytes(current_setting('work_mem')) / 1024, 98304)::text, true)
        """

    /// The same for a transaction that joins whole tables, some of which the planner does not know: it may expect a
    /// single row of one that grows while it is read, and would then scan the other side for each row that comes. Where
    /// small things follow in the transaction, ``anyJoinSQL`` ends it.
    static let hashJoinsSQL = "SET LOCAL enable_nestloop = off; \(wholeTablesSQL)"
    static let anyJoinSQL = "SET LOCAL enable_nestloop TO DEFAULT"
}
