/// How long something takes, or how long ago it was, in the unit that a person reads at a glance.
public enum Age {
    /// `3 days`, `5 h`, `10 min`, `40 s`.
    public static func words(_ seconds: Int64) -> String {
        switch seconds {
        case 172_800...: "\(seconds / 86_400) days"
        case 7_200...: "\(seconds / 3_600) h"
        case 120...: "\(seconds / 60) min"
        default: "\(max(0, seconds)) s"
        }
    }
}
