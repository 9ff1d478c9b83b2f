import Glibc

/// Long lines for people, broken between words where their terminal ends. What goes into a file or a pipe stays whole.
enum WrappedLine {
    /// How wide the terminal behind stdout is; `nil` where there is none.
    static var terminalColumns: Int? {
        guard Terminal.stdoutIsTerminal else { return nil }
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col >= 40 else { return 80 }
        return Int(size.ws_col)
    }
}
