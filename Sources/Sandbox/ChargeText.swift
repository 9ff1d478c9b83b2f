/// The text of a charge. What differs between the versions is left to gaps.
enum ChargeText {
    /// `{{tax_id}}`, `{{invoice}}` and `{{card_extras}}` are empty or a whole member, by version.
    static let any = """
        {
          "id": "{{id}}",
          "object": "charge",
          "amount": {{amount}},
          "amount_captured": {{amount_captured}},
          "amount_refunded": {{amount_refunded}},
          "application": null,
          "application_fee": null,
          "application_fee_amount": null,
          "balance_transaction": {{balance_transaction}},
          "billing_details": {
            "address": {
              "city": null,
              "country": null,
              "line1": null,
              "line2": null,
              "postal_code": null,
              "state": null
            },
            "email": null,
            "name": null,
            "phone": null{{tax_id}}
          },
          "calculated_statement_descriptor": {{descriptor}},
          "captured": {{captured}},
          "created": {{created}},
          "currency": "{{currency}}",
          "customer": {{customer}},
          "description": {{description}},
          "destination": null,
          "dispute": {{dispute}},
          "disputed": {{disputed}},
          "failure_balance_transaction": null,
          "failure_code": {{failure_code}},
          "failure_message": {{failure_message}},
          "fraud_details": {},{{invoice}}
          "livemode": {{livemode}},
          "metadata": {{metadata}},
          "on_behalf_of": null,
          "order": null,
          "outcome": {{outcome}},
          "paid": {{paid}},
          "payment_intent": {{payment_intent}},
          "payment_method": "{{payment_method}}",
          "payment_method_details": {{payment_method_details}},
          "radar_options": {},
          "receipt_email": null,
          "receipt_number": null,
          "receipt_url": {{receipt_url}},
          "refunded": {{refunded}},
          "review": null,
          "shipping": null,
          "source": null,
          "source_transfer": null,
          "statement_descriptor": null,
          "statement_descriptor_suffix": null,
          "status": "{{status}}",
          "transfer_data": null,
          "transfer_group": null
        }
        """
}

/// The text of a refund, the same in both versions.
enum RefundText {
    static let any = """
        {
          "id": "{{id}}",
          "object": "refund",
          "amount": {{amount}},
          "balance_transaction": {{balance_transaction}},
          "charge": {{charge}},
          "created": {{created}},
          "currency": "{{currency}}",
          "destination_details": {{destination_details}},
          "metadata": {{metadata}},
          "payment_intent": {{payment_intent}},
          "reason": {{reason}},
          "receipt_number": null,
          "source_transfer_reversal": null,
          "status": "{{status}}",
          "transfer_reversal": null
        }
        """
}

/// The text of a payment that an invoice expects. Only later versions have it.
enum InvoicePaymentText {
    static let dahlia = """
        {
          "id": "{{id}}",
          "object": "invoice_payment",
          "amount_paid": {{amount}},
          "amount_requested": {{amount_requested}},
          "created": {{created}},
          "currency": "{{currency}}",
          "invoice": "{{invoice}}",
          "is_default": {{is_default}},
          "livemode": {{livemode}},
          "payment": {{payment}},
          "status": "{{status}}",
          "status_transitions": {
            "canceled_at": {{canceled_at}},
            "paid_at": {{paid_at}}
          }
        }
        """
}
