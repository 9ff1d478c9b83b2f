extension Migration {
    /// Orders that Trueup placed are looked up by their rows, each night, where no invoice is known of them.
    static let placedOrders = Migration(
        18, "placed_orders",
        """
        CREATE INDEX client_request_order ON trueup.client_request (row_id) WHERE kind = 'order';
        """)
}
