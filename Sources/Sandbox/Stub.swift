extension CreditHistory: GeneratedHistory {
    var seed: UInt64 { 0 }
    var invoiceCount: Int64 { 0 }
    func invoiceCreatedSeconds(_ index: Int64) -> Int64 { 0 }
    func invoice(_ index: Int64) -> InvoiceRecord { InvoiceRecord(index: index, hash: 0, createdSeconds: 0) }
    func invoiceFate(_ index: Int64) -> InvoiceFate { .never }
    var finalizeDelaySeconds: Int64 { 0 }
    var longestLifeSeconds: Int64 { 0 }
    var longLivedInvoices: [Int64] { [] }
    var intentCount: Int64 { 0 }
    func intentCreatedSeconds(_ index: Int64) -> Int64 { 0 }
    func intent(_ index: Int64) -> IntentRecord {
        IntentRecord(kind: .intent, index: index, hash: 0, createdSeconds: 0, amount: 0)
    }
    var customerCount: Int64 { 0 }
    func customer(_ index: Int64) -> CustomerRecord { CustomerRecord(index: index, createdSeconds: 0, hash: 0) }
    func isUndelivered(invoice index: Int64) -> Bool { false }
}
