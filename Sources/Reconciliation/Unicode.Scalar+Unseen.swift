extension Unicode.Scalar {
    /// A control character, or one that turns the writing direction: text from outside must not write on a reader's
    /// terminal, end a line of a log or a mail, or show itself in another order than it is in.
    package var isUnseen: Bool {
        value < 0x20 || (0x7F...0x9F).contains(value) || self == "\u{2028}" || self == "\u{2029}"
            || properties.isBidiControl
    }
}
