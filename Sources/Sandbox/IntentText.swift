/// The text of a payment intent.
enum IntentText {
    /// Version 2023-10-16.
    static let v2023 = """
        {
          "id": "{{id}}",
          "object": "payment_intent",
          "amount": {{amount}},
          "amount_capturable": {{amount_capturable}},
          "amount_details": {
            "tip": {}
          },
          "amount_received": {{amount_received}},
          "application": null,
          "application_fee_amount": null,
          "automatic_payment_methods": {{automatic_payment_methods}},
          "canceled_at": {{canceled_at}},
          "cancellation_reason": {{cancellation_reason}},
          "capture_method": "{{capture_method}}",
          "client_secret": "{{id}}_secret_{{secret}}",
          "confirmation_method": "automatic",
          "created": {{created}},
          "currency": "{{currency}}",
          "customer": {{customer}},
          "description": {{description}},
          "invoice": {{invoice}},
          "last_payment_error": {{last_payment_error}},
          "latest_charge": {{latest_charge}},
          "livemode": {{livemode}},
          "metadata": {{metadata}},
          "next_action": {{next_action}},
          "on_behalf_of": null,
          "payment_method": {{payment_method}},
          "payment_method_configuration_details": null,
          "payment_method_options": {
            "card": {
              "installments": null,
              "mandate_options": null,
              "network": null,
              "request_three_d_secure": "automatic"
            },
            "us_bank_account": {
              "verification_method": "automatic"
            }
          },
          "payment_method_types": [
            "card",
            "us_bank_account"
          ],
          "processing": null,
          "receipt_email": null,
          "review": null,
          "setup_future_usage": null,
          "shipping": null,
          "statement_descriptor": null,
          "statement_descriptor_suffix": null,
          "status": "{{status}}",
          "transfer_data": null,
          "transfer_group": null
        }
        """

    /// Version 2026-07-29.dahlia.
    static let dahlia = """
        {
          "id": "{{id}}",
          "object": "payment_intent",
          "amount": {{amount}},
          "amount_capturable": {{amount_capturable}},
          "amount_details": {
            "tip": {}
          },
          "amount_received": {{amount_received}},
          "application": null,
          "application_fee_amount": null,
          "automatic_payment_methods": {{automatic_payment_methods}},
          "canceled_at": {{canceled_at}},
          "cancellation_reason": {{cancellation_reason}},
          "capture_method": "{{capture_method}}",
          "client_secret": "{{id}}_secret_{{secret}}",
          "confirmation_method": "automatic",
          "created": {{created}},
          "currency": "{{currency}}",
          "customer": {{customer}},
          "customer_account": null,
          "description": {{description}},
          "excluded_payment_method_types": null,
          "last_payment_error": {{last_payment_error}},
          "latest_charge": {{latest_charge}},
          "livemode": {{livemode}},
          "metadata": {{metadata}},
          "next_action": {{next_action}},
          "on_behalf_of": null,
          "payment_details": {
            "customer_reference": null,
            "order_reference": {{invoice}}
          },
          "payment_method": {{payment_method}},
          "payment_method_configuration_details": null,
          "payment_method_options": {
            "card": {
              "installments": null,
              "mandate_options": null,
              "network": null,
              "request_three_d_secure": "automatic"
            },
            "us_bank_account": {
              "verification_method": "automatic"
            }
          },
          "payment_method_types": [
            "card",
            "us_bank_account"
          ],
          "processing": null,
          "receipt_email": null,
          "review": null,
          "setup_future_usage": null,
          "shipping": null,
          "source": null,
          "statement_descriptor": null,
          "statement_descriptor_suffix": null,
          "status": "{{status}}",
          "transfer_data": null,
          "transfer_group": null
        }
        """
}

/// The text of an event; what it is about stands at depth 2.
enum EventText {
    /// The same in both versions.
    static let any = """
        {
          "id": "{{id}}",
          "object": "event",
          "api_version": "{{api_version}}",
          "created": {{created}},
          "data": {
            "object": {{object}}{{previous_attributes}}
          },
          "livemode": {{livemode}},
          "pending_webhooks": {{pending_webhooks}},
          "request": {
            "id": {{request_id}},
            "idempotency_key": {{idempotency_key}}
          },
          "type": "{{type}}"
        }
        """
}
