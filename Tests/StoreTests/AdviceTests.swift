import Store
import Testing

@Suite("Advice")
struct AdviceTests {
    @Test("a command stands in its sentence without options, and with those of who shows it")
    func options() {
        let run: Int64 = 7
        let advice: Advice = """
            There is no run \(run). See: \(command: "trueup runs"). \
            Or give it once more: \(ownPlan: "the same with --plan")
            """
        let start = "There is no run 7. See: trueup runs"
        #expect("\(advice)" == start + ". Or give it once more: the same with --plan")
        let told = advice.text { $0.isOwnPlan ? "trueup run x --plan" : $0.words + " --jobs ./jobs" }
        #expect(told == start + " --jobs ./jobs. Or give it once more: trueup run x --plan")
    }

    @Test("an advice within another keeps its commands, and the same sentence is the same value")
    func nested() {
        let end: Advice = "See: \(command: "trueup runs")"
        let whole: Advice = "It failed. \(end)"
        let (word, number) = ("failed", 1)
        let same: Advice = "It \(word). See: \(command: "trueup runs")"
        #expect(whole == same)
        let other: Advice = "It \(word). See: \(command: "trueup runs \(number)")"
        #expect(whole != other)
        #expect(whole.text { $0.words + " --embedded" } == "It failed. See: trueup runs --embedded")
        // A text that happens to have the words of a command is none.
        #expect(Advice("See: trueup runs") != end)
        #expect(Advice("See: trueup runs").text { $0.words + " --embedded" } == "See: trueup runs")
    }

    @Test("the description of an error is its advice, in which commands have no options")
    func errors() {
        let table = ContractError.noTable("public.agency_charge")
        let errors: [(error: any AdvisesCommand, end: String)] = [
            (MigrationError.missing, "Run: trueup db migrate"),
            (table, "make the application's tables with: trueup db migrate --application"),
            (SignError.noReport(3), "There is no report 3. See: trueup report list"),
        ]
        for (error, end) in errors {
            #expect("\(error)".hasSuffix(end), "\(error)")
            let told = error.advice.text { $0.words + " --jobs ./jobs" }
            #expect(told.hasSuffix(end + " --jobs ./jobs"), "\(told)")
        }
        let other = ContractError.noTable("public.orders")
        #expect("\(other)" == "The database has no table public.orders. Name an existing one in the job's `table`.")
        #expect(other.advice.text { _ in "" } == "\(other)")
    }
}
