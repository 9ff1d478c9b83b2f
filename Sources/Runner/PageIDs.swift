/// The ids of one page, to find one that comes twice. Its memory is used again for the next page.
package struct PageIDs {
    private var bytes: [UInt8] = []
    private var ends: [Int] = []
    /// Open addressing: positions of ids by their hash, -1 for a free place. Twice as many places as a page has ids.
    private var places = [Int16](repeating: -1, count: Self.placeCount)

    private static let placeCount = 256
    private static let idsMax = 128

    package init() {}

    package var count: Int { ends.count }

    package mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
        for index in places.indices { places[index] = -1 }
    }

    /// Takes an id in; `false` where it is there already.
    package mutating func insert(_ id: UnsafeRawBufferPointer) -> Bool {
        precondition(ends.count < Self.idsMax, "a page holds at most 100 objects")
        guard let free = freePlace(for: id) else { return false }
        places[free] = Int16(ends.count)
        bytes.append(contentsOf: id)
        ends.append(bytes.count)
        return true
    }

    package func contains(_ id: UnsafeRawBufferPointer) -> Bool { freePlace(for: id) == nil }

    /// Where the id would go; `nil` where it is there already.
    private func freePlace(for id: UnsafeRawBufferPointer) -> Int? {
        // FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in id { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        var place = Int(truncatingIfNeeded: (hash ^ hash >> 32) & UInt64(Self.placeCount - 1))
        while places[place] >= 0 {
            if holds(id, at: Int(places[place])) { return nil }
            place = (place + 1) & (Self.placeCount - 1)
        }
        return place
    }

    private func holds(_ id: UnsafeRawBufferPointer, at position: Int) -> Bool {
        let start = position == 0 ? 0 : ends[position - 1]
        guard ends[position] - start == id.count else { return false }
        return bytes.withUnsafeBytes { $0[start..<ends[position]].elementsEqual(id) }
    }
}
