/// A command with job files and a database: the commands that it advises are to find the same ones.
protocol DatabaseUsing {
    var files: JobOptions { get }
    var databaseOptions: DatabaseOptions { get }
}

extension DatabaseUsing {
    /// A command to be given next.
    var next: NextCommand { NextCommand(files, databaseOptions) }
}
