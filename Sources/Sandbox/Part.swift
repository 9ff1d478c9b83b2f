/// What belongs to a payment intent or an invoice by number: a charge, a refund, a dispute, a credit note.
///
/// Its index packs the owner and the number: bit 39 tells an added owner, bit 38 an intent of its own from an invoice
/// (whose intent it then is), bits 32 to 37 are the number and the lower 32 the owner's place.
struct Part: Sendable, Hashable {
    enum Kind: Int, Sendable, CaseIterable {
        case charge, refund, dispute, creditNote

        var objectKind: ObjectKind {
            switch self {
            case .charge: .charge
            case .refund: .refund
            case .dispute: .dispute
            case .creditNote: .creditNote
            }
        }

        /// The name in “No such …”.
        var noun: String {
            switch self {
            case .charge: "charge"
            case .refund: "refund"
            case .dispute: "dispute"
            case .creditNote: "credit note"
            }
        }
    }

    /// More than so many of one kind cannot be told apart.
    static let limit = 64
    private static let placeMask: Int64 = (1 << 32) - 1

    var kind: Kind
    /// The index of the intent or invoice.
    var owner: Int64
    var isOfIntent: Bool
    var number: Int

    init(_ kind: Kind, ofIntent index: Int64, _ number: Int) {
        (self.kind, owner, isOfIntent, self.number) = (kind, index, true, number)
    }

    init(_ kind: Kind, ofInvoice index: Int64, _ number: Int) {
        (self.kind, owner, isOfIntent, self.number) = (kind, index, false, number)
    }

    init(_ kind: Kind, index: Int64) {
        self.kind = kind
        owner = index & (IDSpace.addedBase | Self.placeMask)
        isOfIntent = index >> 38 & 1 == 1
        number = Int(index >> 32 & 63)
    }

    var index: Int64 {
        owner & (IDSpace.addedBase | Self.placeMask) | (isOfIntent ? 1 << 38 : 0) | Int64(number & 63) << 32
    }
}

/// A part as it is answered, with the records that say everything about it.
struct PartRecord: Sendable {
    var part: Part
    var createdSeconds: Int64
    /// The intent of a charge, a refund or a dispute.
    var intent: IntentRecord
    /// The invoice of a credit note.
    var invoice: InvoiceRecord?
}

extension IntentRecord {
    /// The owner's index of a part of this intent.
    func part(_ kind: Part.Kind, _ number: Int) -> Part {
        self.kind == .intent ? Part(kind, ofIntent: index, number) : Part(kind, ofInvoice: index, number)
    }

    /// When the part with this number came to be; `nil` where there is none.
    func seconds(_ kind: Part.Kind, _ number: Int) -> Int64? {
        switch kind {
        case .charge: attempts.indices.contains(number) ? attempts[number].createdSeconds : nil
        case .refund:
            aftermath.refunds.indices.contains(number) ? aftermath.refunds[number].createdSeconds : nil
        case .dispute:
            aftermath.disputes.indices.contains(number) ? aftermath.disputes[number].createdSeconds : nil
        case .creditNote: nil
        }
    }

    func record(_ kind: Part.Kind, _ number: Int) -> PartRecord? {
        seconds(kind, number).map {
            PartRecord(part: part(kind, number), createdSeconds: $0, intent: self)
        }
    }

    /// The charge of the last attempt.
    var latestCharge: PartRecord? { attempts.isEmpty ? nil : record(.charge, attempts.count - 1) }
}

extension InvoiceRecord {
    /// A credit note. One before payment is about an intent that may not be there yet.
    func creditNote(_ number: Int) -> PartRecord? {
        guard aftermath.creditNotes.indices.contains(number) else { return nil }
        let intent =
            intent
            ?? IntentRecord(
                kind: .invoiceIntent, index: index, hash: hash, createdSeconds: createdSeconds, amount: amountDue)
        return PartRecord(
            part: Part(.creditNote, ofInvoice: index, number),
            createdSeconds: aftermath.creditNotes[number].createdSeconds, intent: intent, invoice: self)
    }
}

extension WorldView {
    /// The part as it stands now; `nil` where there is none.
    func part(_ part: Part) -> PartRecord? {
        if part.kind == .creditNote { return invoice(part.owner)?.creditNote(part.number) }
        let intent = part.isOfIntent ? intent(part.owner) : invoice(part.owner)?.intent
        return intent?.record(part.kind, part.number)
    }

    func part(_ kind: Part.Kind, id: String) -> PartRecord? {
        guard let index = space.index(of: id, kind: kind.objectKind), let found = part(Part(kind, index: index)),
            space.text(kind.objectKind, index, createdSeconds: found.createdSeconds) == id
        else { return nil }
        return found
    }

    /// Those of the history and those that changes made.
    func parts(
        _ kind: Part.Kind, _ entries: [PartIndex.Entry], _ filter: ListFilter,
        where isIncluded: @escaping (PartRecord) -> Bool
    ) throws(SandboxError) -> ListPage<PartRecord> {
        let late = state.lateParts[kind.rawValue]
        let row: (Part, Int64) -> PartRecord? = { part, seconds in
            guard let record = self.part(part), record.createdSeconds == seconds, isIncluded(record) else {
                return nil
            }
            return record
        }
        let tracks = [
            Track(
                count: entries.count, createdSeconds: { entries[$0].createdSeconds },
                row: { position in
                    let part = entries[position].part(kind)
                    return late.contains(part.index) ? nil : row(part, entries[position].createdSeconds)
                }),
            Track(
                count: late.added.count, createdSeconds: { late.added[$0].createdSeconds },
                row: { row(Part(kind, index: late.added[$0].index), late.added[$0].createdSeconds) }),
        ]
        return try page(tracks, filter, noun: kind.noun) { id in
            guard let found = self.part(kind, id: id) else { return nil }
            let seconds = found.createdSeconds
            if late.contains(found.part.index) {
                return late.position(of: found.part.index, createdSeconds: seconds)
                    .map { ListCursor(track: 1, position: $0, createdSeconds: seconds) }
            }
            return PartIndex.position(of: found.part, createdSeconds: seconds, in: entries)
                .map { ListCursor(track: 0, position: $0, createdSeconds: seconds) }
        }
    }
}
