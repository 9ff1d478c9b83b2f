extension Pool {
    /// Opens a pool for a body and closes it at its end, however it ends.
    /// - Parameters:
    ///   - size: connections at most; they are opened when they are needed.
    ///   - applicationName: how the server calls them.
    /// - Throws: what `body` throws.
    public static func with<T>(
        _ target: ConnectionTarget, size: Int = 1, applicationName: String, _ body: (Pool) async throws -> T
    ) async throws -> T {
        let pool = Pool(target, size: size, applicationName: applicationName)
        do {
            let value = try await body(pool)
            await pool.close()
            return value
        } catch {
            await pool.close()
            throw error
        }
    }
}
