import CXlsxWriter
import Reconciliation

/// The formats of a workbook, made once.
struct XLSXFormats {
    typealias Format = XLSXBook.Format

    let title: Format
    let heading: Format
    let headingRight: Format
    /// Of words right of figures; so do the others with this ending.
    let headingIn: Format
    let note: Format
    let text: Format
    let textIn: Format
    let wrapped: Format
    let wrappedIn: Format
    let section: Format
    let muted: Format
    let mutedWrapped: Format
    let id: Format
    let idIn: Format
    let link: Format
    let count: Format
    let credits: Format
    let time: Format
    let share: Format
    let total: Format
    let totalCredits: Format
    /// By the decimals of the currency: 0, 2, 3.
    private let money: [Int: (plain: Format, total: Format)]
    private let states: [StatementState: (pill: Format, verdict: Format)]

    /// - Parameter isCentred: texts stand in the middle of their row's height, as in tables, whose first row would
    ///   touch the heading; else at its top.
    init(_ book: XLSXBook, isCentred: Bool = false) throws(ReportError) {
        func make(_ change: (Format) -> Void = { _ in }) throws(ReportError) -> Format {
            try Self.make(book, isCentred, change)
        }
        let creditsForm = Self.number(decimals: 0)
        title = try make {
            format_set_bold($0)
            format_set_font_size($0, 16)
            format_set_font_color($0, 0x1F2A3A)
        }
        heading = try make(Self.heading)
        headingRight = try make {
            Self.heading($0)
            Self.right($0)
        }
        headingIn = try make {
            Self.heading($0)
            format_set_indent($0, 1)
        }
        note = try make {
            format_set_font_color($0, 0x66707C)
            format_set_indent($0, 2)
        }
        text = try make()
        textIn = try make { format_set_indent($0, 1) }
        wrapped = try make { format_set_text_wrap($0) }
        wrappedIn = try make {
            format_set_text_wrap($0)
            format_set_indent($0, 1)
        }
        section = try make {
            format_set_bold($0)
            format_set_font_color($0, 0x34465C)
        }
        muted = try make { format_set_font_color($0, 0x66707C) }
        mutedWrapped = try make {
            format_set_font_color($0, 0x66707C)
            format_set_text_wrap($0)
        }
        id = try make { format_set_num_format($0, "@") }
        idIn = try make {
            format_set_num_format($0, "@")
            format_set_indent($0, 1)
        }
        link = try make {
            format_set_font_color($0, 0x1F5FAA)
            format_set_underline($0, UInt8(LXW_UNDERLINE_SINGLE.rawValue))
        }
        count = try make { format_set_num_format($0, "#,##0") }
        credits = try make { format_set_num_format($0, creditsForm) }
        time = try make { format_set_num_format($0, "yyyy-mm-dd hh:mm") }
        share = try make {
            format_set_num_format($0, "0.00%")
            Self.right($0)
        }
        total = try make(Self.total)
        totalCredits = try make {
            Self.total($0)
            format_set_num_format($0, creditsForm)
        }
        money = try Self.moneyFormats(book, isCentred)
        states = try Self.stateFormats(book, isCentred)
    }

    private static func make(
        _ book: XLSXBook, _ isCentred: Bool, _ change: (Format) -> Void
    ) throws(ReportError) -> Format {
        let align = isCentred ? LXW_ALIGN_VERTICAL_CENTER : LXW_ALIGN_VERTICAL_TOP
        return try book.format { format in
            format_set_font_name(format, "Calibri")
            format_set_font_size(format, 10)
            format_set_align(format, UInt8(align.rawValue))
            change(format)
        }
    }

    private static func heading(_ format: Format) {
        format_set_bold(format)
        format_set_font_color(format, 0xFFFFFF)
        format_set_bg_color(format, 0x34465C)
        format_set_text_wrap(format)
        format_set_align(format, UInt8(LXW_ALIGN_VERTICAL_CENTER.rawValue))
        format_set_bottom(format, UInt8(LXW_BORDER_THIN.rawValue))
    }

    private static func total(_ format: Format) {
        format_set_bold(format)
        format_set_top(format, UInt8(LXW_BORDER_THIN.rawValue))
        format_set_bottom(format, UInt8(LXW_BORDER_DOUBLE.rawValue))
    }

    private static func right(_ format: Format) { format_set_align(format, UInt8(LXW_ALIGN_RIGHT.rawValue)) }

    private static func moneyFormats(
        _ book: XLSXBook, _ isCentred: Bool
    ) throws(ReportError) -> [Int: (plain: Format, total: Format)] {
        var formats: [Int: (plain: Format, total: Format)] = [:]
        for decimals in [0, 2, 3] {
            let form = number(decimals: decimals)
            let plain = try make(book, isCentred) { format_set_num_format($0, form) }
            let sum = try make(book, isCentred) {
                total($0)
                format_set_num_format($0, form)
            }
            formats[decimals] = (plain, sum)
        }
        return formats
    }

    private static func stateFormats(
        _ book: XLSXBook, _ isCentred: Bool
    ) throws(ReportError) -> [StatementState: (pill: Format, verdict: Format)] {
        var formats: [StatementState: (pill: Format, verdict: Format)] = [:]
        for state in StatementState.allCases {
            let (ink, paper) = colours(state)
            let pill = try make(book, isCentred) {
                format_set_bold($0)
                format_set_font_color($0, ink)
                format_set_indent($0, 1)
            }
            let verdict = try make(book, isCentred) {
                format_set_bold($0)
                format_set_font_size($0, 14)
                format_set_font_color($0, ink)
                format_set_bg_color($0, paper)
                format_set_text_wrap($0)
                format_set_align($0, UInt8(LXW_ALIGN_VERTICAL_CENTER.rawValue))
            }
            formats[state] = (pill, verdict)
        }
        return formats
    }

    /// Negative figures in red and in brackets, nothing as a dash, all aligned by the closing bracket's width.
    static func number(decimals: Int) -> String {
        let form = decimals == 0 ? "#,##0" : "#,##0." + String(repeating: "0", count: decimals)
        return "\(form)_);[Red](\(form));\"–\"_)"
    }

    private static func colours(_ state: StatementState) -> (ink: UInt32, paper: UInt32) {
        switch state {
        case .clean: (0x1B6B43, 0xE3F3EA)
        case .explained: (0x1F5FAA, 0xE4EEF9)
        case .unexplained: (0xA8201A, 0xFBE6E4)
        case .incomplete: (0x8A4B00, 0xFCEFD9)
        }
    }

    func money(_ currency: String, isTotal: Bool) -> Format {
        let pair = money[Money.decimals(of: currency)] ?? (credits, totalCredits)
        return isTotal ? pair.total : pair.plain
    }

    func verdict(_ state: StatementState) -> Format { states[state]?.verdict ?? title }

    /// The format of a text that begins with the word of a state.
    func state(of text: String) -> Format? {
        for state in StatementState.allCases where text.hasPrefix(state.rawValue) { return states[state]?.pill }
        return nil
    }
}
