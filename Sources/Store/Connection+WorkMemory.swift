import PostgreSQL

extension Connection {
    /// For a transaction that reads whole tables: hash tables and sorts of a million rows go without a detour over the
    /// disk, and compiling the queries costs more than it saves.
    /// <https://www.postgresql.org/docs/15/runtime-config-resource.html#GUC-WORK-MEM>
    static let wholeTablesSQL = """
        SET LOCAL jit = off;
        SELECT set_config('work_mem', greatest(pg_size_bytes(current_setting('work_mem')) / 1024, 98304)::text, true)
        """
}
