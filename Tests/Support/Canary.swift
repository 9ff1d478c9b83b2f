/// The word that every key, signing secret and password of the tests has in it, so that they are found wherever they
/// get to. `scripts/test` looks for it too, in what the tests themselves print.
public enum Canary {
    public static let word = "CANARY"

    /// Whether a text gives a secret away. Ask outside of an expectation: what that prints names the word.
    public static func isIn(_ text: String) -> Bool { text.contains(word) }
}
