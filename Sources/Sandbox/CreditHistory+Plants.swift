extension CreditHistory {
    /// What was planted at an index, the second half of a duplicate included; `nil` where both sides agree.
    public func plant(at index: Int) -> Plant? { planting(index)?.plant }
}
