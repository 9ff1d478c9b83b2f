import Jobs
import Testing

@Suite("How much a run may repair")
struct RepairLimitsTests {
    @Test(
        "a few repairs of a few objects are no share; most of what is there is",
        arguments: [
            (0, 0, true), (1, 0, false), (1, 1, true), (1, 2, true), (2, 2, false), (2, 3, true), (3, 4, false),
            (3, 5, true), (4, 7, true), (5, 9, true), (5, 8, false), (5, 20, true), (6, 20, false), (6, 119, false),
            (6, 120, true), (500, 10_000, true), (501, 1_000_000, false),
        ])
    func floor(_ repairs: Int, _ objects: Int64, _ isAllowed: Bool) {
        #expect((RepairLimits().exceeded(repairs: repairs, objects: objects) == nil) == isAllowed)
    }

    @Test("without a floor the share counts alone, and the number counts whatever the share")
    func bounds() {
        let bare = RepairLimits(maxRepairs: 500, maxRepairShare: 0.05, shareFloor: 0)
        #expect(bare.exceeded(repairs: 1, objects: 19)?.contains("limits.max_repair_share (0.05)") == true)
        #expect(bare.exceeded(repairs: 1, objects: 20) == nil)
        let none = RepairLimits(maxRepairs: 0, maxRepairShare: 1)
        #expect(none.exceeded(repairs: 1, objects: 100)?.contains("limits.max_repairs (0)") == true)
        #expect(RepairLimits(maxRepairShare: 1, shareFloor: 0).exceeded(repairs: 7, objects: 7) == nil)
    }
}
