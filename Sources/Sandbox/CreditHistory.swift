public struct CreditHistory: Sendable {}
