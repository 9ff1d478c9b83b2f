// Stripe's JSON, decoded by simdjson on demand into plain rows: no allocation per object, and nothing but the
// fields named here is looked at. To add a kind of object: a struct here, a table in shapes.cpp.
#ifndef TRUEUP_CSIMDJSON_H
#define TRUEUP_CSIMDJSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Bytes that must be readable after the content of every buffer that is decoded.
#define TRUEUP_JSON_PADDING 64

// Unescaped UTF-8, not ended by a NUL, valid until the decoder decodes again. `bytes` is NULL for null or absent.
// Always text that a database can keep: NUL, and half a pair of surrogates, have become U+FFFD.
typedef struct {
    const char *bytes;
    size_t length;
} trueup_text;

typedef struct {
    int64_t value;
    bool present;
} trueup_integer;

typedef enum {
    TRUEUP_FLAG_ABSENT = 0,
    TRUEUP_FLAG_FALSE = 1,
    TRUEUP_FLAG_TRUE = 2,
} trueup_flag;

typedef struct {
    trueup_text order_id, agency_id, agency_member_id, charge_id;
} trueup_metadata;

typedef struct {
    trueup_text id, status, currency, customer, collection_method, billing_reason, number, hosted_invoice_url;
    trueup_text subscription, payment_intent, charge;
    trueup_integer created, total, amount_due, amount_paid, amount_remaining;
    trueup_integer pre_payment_credit_notes_amount, post_payment_credit_notes_amount;
    trueup_integer due_date, finalized_at, paid_at, voided_at, marked_uncollectible_at, amount_paid_off_stripe;
    trueup_flag livemode, auto_advance, paid_out_of_band;
    trueup_metadata metadata;
} trueup_invoice;

typedef struct {
    trueup_text id, status, currency, customer, invoice, cancellation_reason, latest_charge, description;
    trueup_text last_error_code, last_error_decline_code, last_error_message;
    // charged_at only where latest_charge was expanded.
    trueup_integer created, amount, amount_received, canceled_at, charged_at;
    trueup_flag livemode, has_last_error;
    trueup_metadata metadata;
} trueup_payment_intent;

typedef struct {
    trueup_text id, type, api_version, object_id, object_type, object_status, request_id, idempotency_key;
    trueup_integer created, pending_webhooks, object_created;
    trueup_flag livemode;
} trueup_event;

typedef struct {
    trueup_text id, customer, currency, invoice, description;
    trueup_integer date, amount;
    trueup_flag livemode;
} trueup_invoice_item;

// Refunds have no livemode. The invoice, and the charge's own word for what it is, only where the charge was expanded.
typedef struct {
    trueup_text id, currency, status, payment_intent, charge, charge_object, invoice, reason;
    trueup_integer created, amount;
} trueup_refund;

// The invoice, and the charge's own word for what it is, only where the charge was expanded.
typedef struct {
    trueup_text id, currency, status, payment_intent, charge, charge_object, invoice, reason;
    trueup_integer created, amount;
    trueup_flag livemode;
} trueup_dispute;

typedef struct {
    trueup_text id, currency, status, type, invoice, reason;
    trueup_integer created, amount, total, pre_payment_amount, post_payment_amount;
    trueup_flag livemode;
} trueup_credit_note;

typedef struct {
    trueup_text id, currency, status, invoice, payment_type, payment_intent, charge;
    trueup_integer created, amount_paid, amount_requested;
    trueup_flag livemode;
} trueup_invoice_payment;

typedef struct {
    trueup_text id, currency, status, customer, payment_intent, invoice;
    trueup_integer created, amount, amount_refunded;
    trueup_flag livemode, paid, refunded, disputed;
} trueup_charge;

typedef struct {
    trueup_text id, status, payment_intent;
    trueup_integer created;
    trueup_flag livemode;
} trueup_checkout_session;

typedef struct {
    trueup_text id, name, email, description, default_payment_method, default_source;
    trueup_integer created;
    trueup_flag livemode;
} trueup_customer;

typedef struct {
    trueup_text id, status, customer, payment_method, client_secret, description, last_error_code, last_error_message;
    trueup_integer created;
    trueup_flag livemode;
} trueup_setup_intent;

typedef struct {
    trueup_text id, type, customer, card_brand, card_last4, bank_name, bank_last4;
    trueup_integer created, card_month, card_year;
    trueup_flag livemode;
} trueup_payment_method;

// Bank accounts have neither created nor livemode.
typedef struct {
    trueup_text id, customer, bank_name, last4, status;
} trueup_bank_account;

typedef struct {
    trueup_text id, country, default_currency, display_name;
} trueup_account;

typedef struct {
    trueup_text id;
    trueup_flag deleted;
} trueup_deleted;

// The body of an answer that is not 2xx.
typedef struct {
    trueup_text type, code, message, param, decline_code, payment_intent;
} trueup_api_error;

typedef enum {
    TRUEUP_KIND_INVOICE,
    TRUEUP_KIND_PAYMENT_INTENT,
    TRUEUP_KIND_EVENT,
    TRUEUP_KIND_INVOICE_ITEM,
    TRUEUP_KIND_REFUND,
    TRUEUP_KIND_DISPUTE,
    TRUEUP_KIND_CREDIT_NOTE,
    TRUEUP_KIND_INVOICE_PAYMENT,
    TRUEUP_KIND_CHARGE,
    TRUEUP_KIND_CHECKOUT_SESSION,
    TRUEUP_KIND_CUSTOMER,
    TRUEUP_KIND_SETUP_INTENT,
    TRUEUP_KIND_PAYMENT_METHOD,
    TRUEUP_KIND_BANK_ACCOUNT,
    TRUEUP_KIND_ACCOUNT,
    TRUEUP_KIND_DELETED,
    TRUEUP_KIND_API_ERROR,
    TRUEUP_KIND_COUNT,
} trueup_kind;

typedef enum {
    TRUEUP_JSON_DONE = 0,
    TRUEUP_JSON_EMPTY,         // no byte but white space
    TRUEUP_JSON_NOT_JSON,      // the first byte cannot begin an object: HTML, text
    TRUEUP_JSON_BROKEN,        // not well-formed where it was read: truncated, bad escape, bad UTF-8
    TRUEUP_JSON_WRONG_OBJECT,  // "object" is not what was expected
    TRUEUP_JSON_MISSING,       // a required field is absent or null
    TRUEUP_JSON_WRONG_TYPE,    // a field holds another type, or an integer beyond 64 bits
    TRUEUP_JSON_NO_MEMORY,
} trueup_json_code;

// What went wrong and where. Texts are ended by a NUL and cut to their arrays.
typedef struct {
    trueup_json_code code;
    int64_t index;     // of the object in `data`, from 0; -1 when it is not about one object of a list
    char id[128];      // of that object, when it could be read
    char field[96];    // path of the field, for example status_transitions.paid_at
    char found[128];   // what was there instead, or the parser's own words
    char expected[64];
} trueup_json_error;

// The rows of one body. `rows` points at `count` structs of the kind asked for, valid until the decoder decodes again.
typedef struct {
    const void *rows;
    size_t count;
    bool has_more;
} trueup_json_page;

typedef struct trueup_json_decoder trueup_json_decoder;

// NULL when there is no memory.
trueup_json_decoder *trueup_json_decoder_new(void);
void trueup_json_decoder_free(trueup_json_decoder *decoder);

// The size in bytes of what the decoder keeps between bodies, about.
size_t trueup_json_decoder_footprint(const trueup_json_decoder *decoder);

// Decodes a list object (`is_list`) or a single object of `length` bytes; TRUEUP_JSON_PADDING more must be readable.
// A decoder serves one body at a time.
trueup_json_code trueup_json_decode(
    trueup_json_decoder *decoder, trueup_kind kind, bool is_list,
    const char *bytes, size_t length, trueup_json_page *page, trueup_json_error *error);

// Mends the texts of a whole JSON body as the decoder mends those that it gives: for who has to take the body apart in
// another way. The length stays; what is not JSON stays what it is, but for such escapes.
void trueup_json_mend(char *bytes, size_t length);

// The name of the instruction set that finds the structure of the text, for benchmarks.
const char *trueup_json_implementation(void);

#ifdef __cplusplus
}
#endif

#endif
