#include "shapes.hpp"

#include <cassert>
#include <memory>

namespace trueup {

namespace {

#define ROW(row, path, type, member) {path, Type::type, offsetof(row, member), false}
#define REQUIRED(row, path, type, member) {path, Type::type, offsetof(row, member), true}
#define METADATA(row) \
    ROW(row, "metadata.order_id", text, metadata.order_id), \
    ROW(row, "metadata.agency_id", text, metadata.agency_id), \
    ROW(row, "metadata.agency_member_id", text, metadata.agency_member_id), \
    ROW(row, "metadata.charge_id", text, metadata.charge_id)

// Where a field moved between API versions, both places are named: each body holds one of them, and null stores
// nothing.
Shape invoice() {
    using R = trueup_invoice;
    return {"invoice", {
        REQUIRED(R, "id", text, id),
        REQUIRED(R, "created", integer, created),
        REQUIRED(R, "livemode", flag, livemode),
        REQUIRED(R, "status", text, status),
        REQUIRED(R, "currency", text, currency),
        REQUIRED(R, "total", integer, total),
        REQUIRED(R, "amount_due", integer, amount_due),
        REQUIRED(R, "amount_paid", integer, amount_paid),
        REQUIRED(R, "amount_remaining", integer, amount_remaining),
        REQUIRED(R, "pre_payment_credit_notes_amount", integer, pre_payment_credit_notes_amount),
        REQUIRED(R, "post_payment_credit_notes_amount", integer, post_payment_credit_notes_amount),
        ROW(R, "customer", reference, customer),
        ROW(R, "due_date", integer, due_date),
        ROW(R, "auto_advance", flag, auto_advance),
        ROW(R, "paid_out_of_band", flag, paid_out_of_band),
        ROW(R, "amount_paid_off_stripe", integer, amount_paid_off_stripe),
        ROW(R, "collection_method", text, collection_method),
        ROW(R, "billing_reason", text, billing_reason),
        ROW(R, "number", text, number),
        ROW(R, "hosted_invoice_url", text, hosted_invoice_url),
        ROW(R, "subscription", reference, subscription),
        ROW(R, "parent.subscription_details.subscription", reference, subscription),
        ROW(R, "payment_intent", reference, payment_intent),
        ROW(R, "payments.data[].payment.payment_intent", reference, payment_intent),
        ROW(R, "charge", reference, charge),
        ROW(R, "payments.data[].payment.charge", reference, charge),
        ROW(R, "status_transitions.finalized_at", integer, finalized_at),
        ROW(R, "status_transitions.paid_at", integer, paid_at),
        ROW(R, "status_transitions.voided_at", integer, voided_at),
        ROW(R, "status_transitions.marked_uncollectible_at", integer, marked_uncollectible_at),
        METADATA(R),
    }, sizeof(R), offsetof(R, id)};
}

Shape payment_intent() {
    using R = trueup_payment_intent;
    return {"payment_intent", {
        REQUIRED(R, "id", text, id),
        REQUIRED(R, "created", integer, created),
        REQUIRED(R, "livemode", flag, livemode),
        REQUIRED(R, "status", text, status),
        REQUIRED(R, "currency", text, currency),
        REQUIRED(R, "amount", integer, amount),
        REQUIRED(R, "amount_received", integer, amount_received),
        ROW(R, "customer", reference, customer),
        ROW(R, "invoice", reference, invoice),
        ROW(R, "canceled_at", integer, canceled_at),
        ROW(R, "cancellation_reason", text, cancellation_reason),
        ROW(R, "latest_charge", reference, latest_charge),
        ROW(R, "latest_charge.created", integer, charged_at),
        ROW(R, "last_payment_error", presence, has_last_error),
        ROW(R, "last_payment_error.code", text, last_error_code),
        ROW(R, "last_payment_error.decline_code", text, last_error_decline_code),
        ROW(R, "last_payment_error.message", text, last_error_message),
        ROW(R, "description", text, description),
        METADATA(R),
    }, sizeof(R), offsetof(R, id)};
}

// `data.object` has no id in some events (invoice.upcoming, balance.available), and no status in most; what has no
// `created` (balance.available) is none of what is listed.
Shape event() {
    using R = trueup_event;
    return {"event", {
        REQUIRED(R, "id", text, id),
        REQUIRED(R, "type", text, type),
        REQUIRED(R, "created", integer, created),
        REQUIRED(R, "livemode", flag, livemode),
        REQUIRED(R, "pending_webhooks", integer, pending_webhooks),
        REQUIRED(R, "data.object.object", text, object_type),
        ROW(R, "data.object.id", text, object_id),
        ROW(R, "data.object.status", text, object_status),
        ROW(R, "data.object.created", integer, object_created),
        ROW(R, "api_version", text, api_version),
        ROW(R, "request.id", text, request_id),
        ROW(R, "request.idempotency_key", text, idempotency_key),
    }, sizeof(R), offsetof(R, id)};
}

Shape invoice_item() {
    using R = trueup_invoice_item;
    return {"invoiceitem", {
        REQUIRED(R, "id", text, id),
        REQUIRED(R, "amount", integer, amount),
        REQUIRED(R, "currency", text, currency),
        REQUIRED(R, "livemode", flag, livemode),
        ROW(R, "date", integer, date),
        ROW(R, "customer", reference, customer),
        ROW(R, "invoice", reference, invoice),
        ROW(R, "description", text, description),
    }, sizeof(R), offsetof(R, id)};
}

Shape refund() {
    using R = trueup_refund;
    return {"refund", {
        REQUIRED(R, "id", text, id),
        REQUIRED(R, "created", integer, created),
        REQUIRED(R, "amount", integer, amount),
        REQUIRED(R, "currency", text, currency),
        ROW(R, "status", text, status),
        ROW(R, "payment_intent", reference, payment_intent),
        ROW(R, "charge", reference, charge),
        ROW(R, "charge.object", text, charge_object),
        ROW(R, "charge.invoice", reference, invoice),
        ROW(R, "reason", text, reason),
    }, sizeof(R), offsetof(R, id)};
}

Shape dispute() {
    using R = trueup_dispute;
    return {"dispute", {
        REQUIRED(R, "id", text, id),
        REQUIRED(R, "created", integer, created),
        REQUIRED(R, "livemode", flag, livemode),
        REQUIRED(R, "amount", integer, amount),
        REQUIRED(R, "currency", text, currency),
        REQUIRED(R, "status", text, status),
        ROW(R, "payment_intent", reference, payment_intent),
        ROW(R, "charge", reference, charge),
        ROW(R, "charge.object", text, charge_object),
        ROW(R, "charge.invoice", reference, invoice),
        ROW(R, "reason", text, reason),
    }, sizeof(R), offsetof(R, id)};
}

// The two parts of the amount came with 2025-03-31.basil, when one note could be of both types.
Shape credit_note() {
    using R = trueup_credit_note;
    return {"credit_note", {
        REQUIRED(R, "id", text, id),
        REQUIRED(R, "created", integer, created),
        REQUIRED(R, "livemode", flag, livemode),
        REQUIRED(R, "amount", integer, amount),
        REQUIRED(R, "total", integer, total),
        REQUIRED(R, "currency", text, currency),
        REQUIRED(R, "status", text, status),
        REQUIRED(R, "type", text, type),
        REQUIRED(R, "invoice", reference, invoice),
        ROW(R, "pre_payment_amount", integer, pre_payment_amount),
        ROW(R, "post_payment_amount", integer, post_payment_amount),
        ROW(R, "reason", text, reason),
    }, sizeof(R), offsetof(R, id)};
}

Shape invoice_payment() {
    using R = trueup_invoice_payment;
    return {"invoice_payment", {
        REQUIRED(R, "id", text, id),
        REQUIRED(R, "created", integer, created),
        REQUIRED(R, "livemode", flag, livemode),
        REQUIRED(R, "currency", text, currency),
        REQUIRED(R, "status", text, status),
        REQUIRED(R, "invoice", reference, invoice),
        REQUIRED(R, "amount_requested", integer, amount_requested),
        REQUIRED(R, "payment.type", text, payment_type),
        ROW(R, "payment.payment_intent", reference, payment_intent),
        ROW(R, "payment.charge", reference, charge),
        ROW(R, "amount_paid", integer, amount_paid),
    }, sizeof(R), offsetof(R, id)};
}

Shape charge() {
    using R = trueup_charge;
    return {"charge", {
        REQUIRED(R, "id", text, id),
        REQUIRED(R, "created", integer, created),
        REQUIRED(R, "livemode", flag, livemode),
        REQUIRED(R, "amount", integer, amount),
        REQUIRED(R, "amount_refunded", integer, amount_refunded),
        REQUIRED(R, "currency", text, currency),
        REQUIRED(R, "status", text, status),
        REQUIRED(R, "paid", flag, paid),
        REQUIRED(R, "refunded", flag, refunded),
        REQUIRED(R, "disputed", flag, disputed),
        ROW(R, "customer", reference, customer),
        ROW(R, "payment_intent", reference, payment_intent),
        ROW(R, "invoice", reference, invoice),
    }, sizeof(R), offsetof(R, id)};
}

Shape checkout_session() {
    using R = trueup_checkout_session;
    return {"checkout.session", {
        REQUIRED(R, "id", text, id),
        REQUIRED(R, "created", integer, created),
        REQUIRED(R, "livemode", flag, livemode),
        ROW(R, "status", text, status),
        ROW(R, "payment_intent", reference, payment_intent),
    }, sizeof(R), offsetof(R, id)};
}

Shape account() {
    using R = trueup_account;
    return {"account", {
        REQUIRED(R, "id", text, id),
        ROW(R, "country", text, country),
        ROW(R, "default_currency", text, default_currency),
        ROW(R, "settings.dashboard.display_name", text, display_name),
    }, sizeof(R), offsetof(R, id)};
}

Shape deleted() {
    using R = trueup_deleted;
    return {nullptr, {
        REQUIRED(R, "id", text, id),
        REQUIRED(R, "deleted", flag, deleted),
    }, sizeof(R), offsetof(R, id)};
}

Shape customer() {
    using R = trueup_customer;
    return {"customer", {
        REQUIRED(R, "id", text, id),
        REQUIRED(R, "created", integer, created),
        REQUIRED(R, "livemode", flag, livemode),
        ROW(R, "name", text, name),
        ROW(R, "email", text, email),
        ROW(R, "description", text, description),
        ROW(R, "invoice_settings.default_payment_method", reference, default_payment_method),
        ROW(R, "default_source", reference, default_source),
    }, sizeof(R), offsetof(R, id)};
}

Shape setup_intent() {
    using R = trueup_setup_intent;
    return {"setup_intent", {
        REQUIRED(R, "id", text, id),
        REQUIRED(R, "created", integer, created),
        REQUIRED(R, "livemode", flag, livemode),
        REQUIRED(R, "status", text, status),
        ROW(R, "customer", reference, customer),
        ROW(R, "payment_method", reference, payment_method),
        ROW(R, "client_secret", text, client_secret),
        ROW(R, "description", text, description),
        ROW(R, "last_setup_error.code", text, last_error_code),
        ROW(R, "last_setup_error.message", text, last_error_message),
    }, sizeof(R), offsetof(R, id)};
}

Shape payment_method() {
    using R = trueup_payment_method;
    return {"payment_method", {
        REQUIRED(R, "id", text, id),
        REQUIRED(R, "created", integer, created),
        REQUIRED(R, "livemode", flag, livemode),
        REQUIRED(R, "type", text, type),
        ROW(R, "customer", reference, customer),
        ROW(R, "card.brand", text, card_brand),
        ROW(R, "card.last4", text, card_last4),
        ROW(R, "card.exp_month", integer, card_month),
        ROW(R, "card.exp_year", integer, card_year),
        ROW(R, "us_bank_account.bank_name", text, bank_name),
        ROW(R, "us_bank_account.last4", text, bank_last4),
    }, sizeof(R), offsetof(R, id)};
}

Shape bank_account() {
    using R = trueup_bank_account;
    return {"bank_account", {
        REQUIRED(R, "id", text, id),
        REQUIRED(R, "status", text, status),
        ROW(R, "customer", reference, customer),
        ROW(R, "bank_name", text, bank_name),
        ROW(R, "last4", text, last4),
    }, sizeof(R), offsetof(R, id)};
}

Shape api_error() {
    using R = trueup_api_error;
    return {nullptr, {
        ROW(R, "error.type", text, type),
        ROW(R, "error.code", text, code),
        ROW(R, "error.message", text, message),
        ROW(R, "error.param", text, param),
        ROW(R, "error.decline_code", text, decline_code),
        ROW(R, "error.payment_intent", reference, payment_intent),
    }, sizeof(R), offsetof(R, code)};
}

struct Registry {
    std::vector<std::unique_ptr<Node>> nodes;
    std::vector<std::unique_ptr<Shape>> shapes;
    CompiledShape compiled[TRUEUP_KIND_COUNT];

    Node *new_node() {
        nodes.push_back(std::make_unique<Node>());
        return nodes.back().get();
    }

    static Entry &entry(Node *node, const std::string &key) {
        for (Entry &known : node->entries) {
            if (known.key == key) {
                return known;
            }
        }
        node->entries.emplace_back();
        node->entries.back().key = key;
        return node->entries.back();
    }

    void insert(Node *node, const Field &field, int index) {
        std::string rest = field.path, walked;
        for (;;) {
            size_t dot = rest.find('.');
            std::string key = rest.substr(0, dot);
            walked += (walked.empty() ? "" : ".") + key;
            bool array = key.size() > 2 && key.compare(key.size() - 2, 2, "[]") == 0;
            Entry &found = entry(node, array ? key.substr(0, key.size() - 2) : key);
            found.path = walked;
            if (dot == std::string::npos) {
                found.field = &field;
                found.field_index = index;
                return;
            }
            found.first_of_array = array;
            if (found.child == nullptr) {
                found.child = new_node();
            }
            node = found.child;
            rest = rest.substr(dot + 1);
        }
    }

    void add(trueup_kind kind, Shape shape) {
        shapes.push_back(std::make_unique<Shape>(std::move(shape)));
        const Shape *kept = shapes.back().get();
        assert(kept->fields.size() <= 64);
        Node *root = new_node();
        uint64_t required = 0;
        for (size_t i = 0; i < kept->fields.size(); i++) {
            insert(root, kept->fields[i], int(i));
            required |= kept->fields[i].required ? uint64_t(1) << i : 0;
        }
        // A key without a field of its own: it is checked, not stored.
        entry(root, "object").path = "object";
        compiled[kind] = {kept, root, required};
    }

    Registry() {
        add(TRUEUP_KIND_INVOICE, invoice());
        add(TRUEUP_KIND_PAYMENT_INTENT, payment_intent());
        add(TRUEUP_KIND_EVENT, event());
        add(TRUEUP_KIND_INVOICE_ITEM, invoice_item());
        add(TRUEUP_KIND_REFUND, refund());
        add(TRUEUP_KIND_DISPUTE, dispute());
        add(TRUEUP_KIND_CREDIT_NOTE, credit_note());
        add(TRUEUP_KIND_INVOICE_PAYMENT, invoice_payment());
        add(TRUEUP_KIND_CHARGE, charge());
        add(TRUEUP_KIND_CHECKOUT_SESSION, checkout_session());
        add(TRUEUP_KIND_CUSTOMER, customer());
        add(TRUEUP_KIND_SETUP_INTENT, setup_intent());
        add(TRUEUP_KIND_PAYMENT_METHOD, payment_method());
        add(TRUEUP_KIND_BANK_ACCOUNT, bank_account());
        add(TRUEUP_KIND_ACCOUNT, account());
        add(TRUEUP_KIND_DELETED, deleted());
        add(TRUEUP_KIND_API_ERROR, api_error());
        for (auto &node : nodes) {
            for (int &bucket : node->buckets) {
                bucket = -1;
            }
            for (size_t i = 0; i < node->entries.size(); i++) {
                Entry &added = node->entries[i];
                int &bucket = node->buckets[Node::bucket(added.key.data(), added.key.size())];
                added.next = bucket;
                bucket = int(i);
            }
        }
    }
};

} // namespace

const CompiledShape &compiled(trueup_kind kind) {
    static const Registry registry;
    return registry.compiled[kind];
}

} // namespace trueup
