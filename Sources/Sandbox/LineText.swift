/// The text of an invoice line, one for each version and for each of the two things it can come from.
enum LineText {
    /// Version 2023-10-16, from an invoice item.
    static let item2023 = """
        {
          "id": "{{id}}",
          "object": "line_item",
          "amount": {{amount}},
          "amount_excluding_tax": {{amount}},
          "currency": "{{currency}}",
          "description": {{description}},
          "discount_amounts": [],
          "discountable": true,
          "discounts": [],
          "invoice_item": "{{invoice_item}}",
          "livemode": {{livemode}},
          "metadata": {{metadata}},
          "period": {
            "end": {{period_end}},
            "start": {{period_start}}
          },
          "price": {
            "id": "{{price}}",
            "object": "price",
            "active": false,
            "billing_scheme": "per_unit",
            "created": {{created}},
            "currency": "{{currency}}",
            "custom_unit_amount": null,
            "livemode": {{livemode}},
            "lookup_key": null,
            "metadata": {},
            "nickname": null,
            "product": "{{product}}",
            "recurring": null,
            "tax_behavior": "unspecified",
            "tiers_mode": null,
            "transform_quantity": null,
            "type": "one_time",
            "unit_amount": {{unit_amount}},
            "unit_amount_decimal": "{{unit_amount}}"
          },
          "proration": false,
          "proration_details": {
            "credited_items": null
          },
          "quantity": {{quantity}},
          "subscription": null,
          "tax_amounts": {{tax_amounts}},
          "tax_rates": {{tax_rates}},
          "type": "invoiceitem",
          "unit_amount_excluding_tax": "{{unit_amount}}"
        }
        """

    /// Version 2023-10-16, from a subscription.
    static let subscription2023 = """
        {
          "id": "{{id}}",
          "object": "line_item",
          "amount": {{amount}},
          "amount_excluding_tax": {{amount}},
          "currency": "{{currency}}",
          "description": {{description}},
          "discount_amounts": [],
          "discountable": true,
          "discounts": [],
          "livemode": {{livemode}},
          "metadata": {{metadata}},
          "period": {
            "end": {{period_end}},
            "start": {{period_start}}
          },
          "price": {
            "id": "{{price}}",
            "object": "price",
            "active": false,
            "billing_scheme": "per_unit",
            "created": {{created}},
            "currency": "{{currency}}",
            "custom_unit_amount": null,
            "livemode": {{livemode}},
            "lookup_key": null,
            "metadata": {},
            "nickname": null,
            "product": "{{product}}",
            "recurring": {
              "aggregate_usage": null,
              "interval": "month",
              "interval_count": 1,
                            "usage_type": "licensed"
            },
            "tax_behavior": "unspecified",
            "tiers_mode": null,
            "transform_quantity": null,
            "type": "recurring",
            "unit_amount": {{unit_amount}},
            "unit_amount_decimal": "{{unit_amount}}"
          },
          "proration": false,
          "proration_details": {
            "credited_items": null
          },
          "quantity": {{quantity}},
          "subscription": "{{subscription}}",
          "subscription_item": "{{subscription_item}}",
          "tax_amounts": {{tax_amounts}},
          "tax_rates": {{tax_rates}},
          "type": "subscription",
          "unit_amount_excluding_tax": "{{unit_amount}}"
        }
        """

    /// Version 2026-07-29.dahlia, from an invoice item.
    static let itemDahlia = """
        {
          "id": "{{id}}",
          "object": "line_item",
          "amount": {{amount}},
          "currency": "{{currency}}",
          "description": {{description}},
          "discount_amounts": [],
          "discountable": true,
          "discounts": [],
          "invoice": "{{invoice}}",
          "livemode": {{livemode}},
          "metadata": {{metadata}},
          "parent": {
            "invoice_item_details": {
              "invoice_item": "{{invoice_item}}",
              "proration": false,
              "proration_details": {
                "credited_items": null
              },
              "subscription": null
            },
            "subscription_item_details": null,
            "type": "invoice_item_details"
          },
          "period": {
            "end": {{period_end}},
            "start": {{period_start}}
          },
          "pretax_credit_amounts": [],
          "pricing": {
            "price_details": {
              "price": "{{price}}",
              "product": "{{product}}"
            },
            "type": "price_details",
            "unit_amount_decimal": "{{unit_amount}}"
          },
          "quantity": {{quantity}},
          "quantity_decimal": "{{quantity}}",
          "subtotal": {{amount}},
          "taxes": {{tax_amounts}}
        }
        """

    /// Version 2026-07-29.dahlia, from a subscription.
    static let subscriptionDahlia = """
        {
          "id": "{{id}}",
          "object": "line_item",
          "amount": {{amount}},
          "currency": "{{currency}}",
          "description": {{description}},
          "discount_amounts": [],
          "discountable": true,
          "discounts": [],
          "invoice": "{{invoice}}",
          "livemode": {{livemode}},
          "metadata": {{metadata}},
          "parent": {
            "invoice_item_details": null,
            "subscription_item_details": {
              "invoice_item": null,
              "proration": false,
              "proration_details": {
                "credited_items": null
              },
              "subscription": "{{subscription}}",
              "subscription_item": "{{subscription_item}}"
            },
            "type": "subscription_item_details"
          },
          "period": {
            "end": {{period_end}},
            "start": {{period_start}}
          },
          "pretax_credit_amounts": [],
          "pricing": {
            "price_details": {
              "price": "{{price}}",
              "product": "{{product}}"
            },
            "type": "price_details",
            "unit_amount_decimal": "{{unit_amount}}"
          },
          "quantity": {{quantity}},
          "quantity_decimal": "{{quantity}}",
          "subtotal": {{amount}},
          "taxes": {{tax_amounts}}
        }
        """
}
