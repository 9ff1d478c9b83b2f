"""Payments, refunds, disputes and credit notes against Stripe's specification and its own Python library."""

import json
import os
import sys

import stripe

from openapi import Specification
from wire import Wire

VERSIONS = ["2023-10-16", "2026-07-29.dahlia"]
SHARED = os.environ["STRIPE_SHARED"]
SPECIFICATIONS = {v: Specification(os.path.join(SHARED, f"openapi-{v}.json")) for v in VERSIONS}
LISTS = {
    "charge": "/v1/charges", "refund": "/v1/refunds", "dispute": "/v1/disputes", "credit_note": "/v1/credit_notes",
    "invoice_payment": "/v1/invoice_payments",
}
faults = []
counts = {}


def expect(version, schema, value, what):
    counts[what] = counts.get(what, 0) + 1
    for fault in SPECIFICATIONS[version].check(value, schema)[:5]:
        faults.append(f"{version} {what}: {fault}")


def listed(version, wire, kind, **query):
    """Every object of a list, each held against the specification, and the same as when it is retrieved."""
    path = LISTS[kind]
    schemas = SPECIFICATIONS[version].schemas
    page = wire.ok("GET", f"{path}?limit=100")
    expect(version, SPECIFICATIONS[version].answer("GET", path), page, f"GET {path}")
    found = list(wire.pages(path, **query))
    for thing in found:
        expect(version, schemas[kind], thing, kind)
    assert len({x["id"] for x in found}) == len(found), f"{kind} twice"
    assert [x["created"] for x in found] == sorted((x["created"] for x in found), reverse=True), kind
    for thing in found[:30]:
        assert wire.ok("GET", f"{path}/{thing['id']}") == thing, f"a {kind} alone differs"
    return found


def check_generated(version, key):
    wire = Wire(key, version)
    charges = {x["id"]: x for x in listed(version, wire, "charge")}
    refunds = listed(version, wire, "refund")
    disputes = listed(version, wire, "dispute")
    notes = listed(version, wire, "credit_note")
    intents = {x["id"]: x for x in wire.pages("/v1/payment_intents")}
    for intent in intents.values():
        if intent["latest_charge"]:
            charge = charges[intent["latest_charge"]]
            assert charge["payment_intent"] == intent["id"] and charge["amount"] == intent["amount"]
            assert charge["paid"] == (intent["status"] in ("succeeded", "requires_capture")), intent
        if intent["status"] == "succeeded":
            assert intent["latest_charge"] or intent["amount"] == 0, intent["id"]
        if intent["last_payment_error"]:
            assert intent["last_payment_error"]["charge"] == intent["latest_charge"]
    for charge in charges.values():
        total = sum(x["amount"] for x in refunds if x["charge"] == charge["id"])
        assert charge["amount_refunded"] == total <= charge["amount"], charge["id"]
        assert charge["refunded"] == (0 < total == charge["amount"])
        assert charge["disputed"] == any(x["charge"] == charge["id"] for x in disputes)
        assert charge["payment_intent"] in intents
    check_expanded(version, wire, intents, charges)
    credited = {}
    for note in notes:
        credited.setdefault(note["invoice"], {"pre_payment": 0, "post_payment": 0})[note["type"]] += note["amount"]
    invoices = {x["id"]: x for x in wire.pages("/v1/invoices")}
    for invoice in invoices.values():
        sums = credited.get(invoice["id"], {"pre_payment": 0, "post_payment": 0})
        assert invoice["post_payment_credit_notes_amount"] == sums["post_payment"], invoice["id"]
        assert invoice["pre_payment_credit_notes_amount"] == sums["pre_payment"], invoice["id"]
    check_join(version, wire, invoices, intents, charges)
    return len(charges), len(refunds), len(disputes), len(notes)


def check_expanded(version, wire, intents, charges):
    """Intents with their latest charge whole, alone and in a list."""
    schema = SPECIFICATIONS[version].schemas["payment_intent"]
    listed = wire.ok("GET", "/v1/payment_intents?limit=30&expand[]=data.latest_charge")["data"]
    for whole in listed:
        expect(version, schema, whole, "payment_intent with its charge")
        alone = wire.ok("GET", f"/v1/payment_intents/{whole['id']}?expand[]=latest_charge")
        assert alone == whole, "an expanded intent alone differs"
        charge = whole["latest_charge"]
        assert charge is None or charge == charges[charge["id"]]
        assert whole | {"latest_charge": charge and charge["id"]} == intents[whole["id"]]
    assert wire.json("GET", "/v1/payment_intents?expand[]=data.customer")[0] == 400


def check_join(version, wire, invoices, intents, charges):
    """The way from an intent to its invoice."""
    if version == VERSIONS[0]:
        assert wire.json("GET", "/v1/invoice_payments")[0] == 404
        assert wire.json("GET", "/v1/credit_notes?created[gte]=1")[0] == 400
        for invoice in invoices.values():
            if invoice["payment_intent"]:
                assert intents[invoice["payment_intent"]]["invoice"] == invoice["id"]
            if invoice["charge"]:
                assert charges[invoice["charge"]]["invoice"] == invoice["id"]
        return
    payments = listed(version, wire, "invoice_payment")
    for payment in payments:
        assert payment["payment"]["payment_intent"] in intents and payment["invoice"] in invoices
        paid = invoices[payment["invoice"]]["status"] == "paid"
        assert (payment["status"] == "paid") <= paid
    of_invoice = {}
    for payment in payments:
        of_invoice.setdefault(payment["invoice"], []).append(payment)
    for invoice, found in of_invoice.items():
        assert sum(x["is_default"] for x in found) == 1, f"{invoice} has not one default payment"
    twice = [x for found in of_invoice.values() if len(found) > 1 for x in found]
    for payment in payments[:20] + twice:
        intent = payment["payment"]["payment_intent"]
        query = {"payment[type]": "payment_intent", "payment[payment_intent]": intent}
        assert [x["id"] for x in wire.pages("/v1/invoice_payments", **query)] == [payment["id"]]
        found = [x["id"] for x in wire.pages("/v1/invoice_payments", invoice=payment["invoice"])]
        assert found == [x["id"] for x in of_invoice[payment["invoice"]]]
    own = [x for x in intents if x not in {p["payment"]["payment_intent"] for p in payments}]
    for intent in own[:5]:
        query = {"payment[type]": "payment_intent", "payment[payment_intent]": intent}
        assert list(wire.pages("/v1/invoice_payments", **query)) == []
    assert all("invoice" not in x for x in list(intents.values()) + list(charges.values()))
    window = {"created[gte]": payments[-1]["created"], "created[lt]": payments[0]["created"]}
    assert len(list(wire.pages("/v1/invoice_payments", **window))) == sum(
        x["created"] < payments[0]["created"] for x in payments)
    assert list(wire.pages("/v1/credit_notes", **{"created[lt]": 1})) == []


def raises(kind, call, status, code):
    try:
        call()
    except stripe.StripeError as error:
        assert type(error) is kind and (error.http_status, error.code) == (status, code), repr(error)
        return error
    raise AssertionError(f"{kind.__name__} was not raised")


def check_library(version, key):
    """The official library moves intents, refunds and credits."""
    root = stripe.StripeClient(
        key, base_addresses={"api": os.environ["SANDBOX_URL"]}, stripe_version=version, max_network_retries=0)
    api = root.v1
    customer = api.customers.create({"name": "Agency"}).id
    base = {"amount": 2_500, "currency": "usd", "customer": customer, "metadata": {"charge_id": "7"}}
    intents = api.payment_intents
    made = intents.create(base)
    assert (made.status, made.latest_charge, made.last_payment_error) == ("requires_payment_method", None, None)
    declined = raises(stripe.CardError, lambda: intents.confirm(
        made.id, {"payment_method": "pm_card_visa_chargeDeclinedInsufficientFunds"}), 402, "card_declined")
    assert declined.json_body["error"]["decline_code"] == "insufficient_funds"
    assert declined.json_body["error"]["payment_intent"]["id"] == made.id
    now = intents.retrieve(made.id)
    assert now.last_payment_error.decline_code == "insufficient_funds" and now.status == "requires_payment_method"
    assert api.charges.retrieve(now.latest_charge).failure_code == "card_declined"
    paid = intents.confirm(made.id, {"payment_method": "pm_card_visa"})
    assert (paid.status, paid.last_payment_error, paid.amount_received) == ("succeeded", None, 2_500)
    tries = [x.status for x in api.charges.list({"payment_intent": made.id}).data]
    assert tries == ["succeeded", "failed"], tries
    raises(stripe.InvalidRequestError, lambda: intents.cancel(made.id), 400, "payment_intent_unexpected_state")
    first = api.refunds.create({"payment_intent": made.id, "amount": 500})
    assert first.charge == paid.latest_charge and first.status == "succeeded"
    raises(stripe.InvalidRequestError, lambda: api.refunds.create({"charge": first.charge, "amount": 2_001}), 400, None)
    api.refunds.create({"charge": first.charge, "reason": "duplicate", "metadata": {"a": "b"}})
    raises(stripe.InvalidRequestError, lambda: api.refunds.create({"charge": first.charge}), 400,
           "charge_already_refunded")
    whole = intents.retrieve(made.id, {"expand": ["latest_charge"]})
    assert whole.latest_charge.id == paid.latest_charge and whole.latest_charge.amount_refunded == 2_500
    assert api.disputes.list({"payment_intent": made.id}).data == []
    assert api.checkout.sessions.list({"payment_intent": made.id}).data == []
    charge = api.charges.retrieve(first.charge)
    assert (charge.amount_refunded, charge.refunded) == (2_500, True)
    assert [x.amount for x in api.refunds.list({"payment_intent": made.id}).auto_paging_iter()] == [2_000, 500]
    waiting = intents.create(base | {"confirm": True, "payment_method": "pm_card_authenticationRequired"})
    assert waiting.status == "requires_action" and waiting.next_action.type == "redirect_to_url"
    assert intents.cancel(waiting.id, {"cancellation_reason": "abandoned"}).cancellation_reason == "abandoned"
    bank = intents.create(base | {"confirm": True, "payment_method": "pm_usBankAccount_success"})
    assert bank.status == "processing"
    held = intents.create(base | {"confirm": True, "payment_method": "pm_card_visa", "capture_method": "manual"})
    assert (held.status, held.amount_capturable) == ("requires_capture", 2_500)
    assert intents.capture(held.id).status == "succeeded"
    unconfirmed = intents.create(base | {"payment_method": "pm_card_visa"})
    assert unconfirmed.status == "requires_confirmation"
    assert intents.update(unconfirmed.id, {"metadata": {"x": "y"}}).metadata["x"] == "y"
    raises(stripe.InvalidRequestError, lambda: intents.create({"amount": 10, "currency": "usd"}), 400,
           "amount_too_small")
    check_credit_notes(version, api, customer)
    types = {x.type for x in api.events.list({"limit": 100, "types": [
        "charge.failed", "charge.refunded", "refund.created", "payment_intent.processing",
        "payment_intent.requires_action", "payment_intent.payment_failed", "credit_note.created"]}).auto_paging_iter()}
    assert len(types) == 7, types


def check_credit_notes(version, api, customer):
    made = api.invoices.create({"customer": customer, "collection_method": "send_invoice", "days_until_due": 30})
    api.invoice_items.create({"customer": customer, "invoice": made.id, "amount": 9_000, "currency": "usd"})
    api.invoices.finalize_invoice(made.id)
    note = api.credit_notes.create({"invoice": made.id, "amount": 1_000})
    assert note.type == "pre_payment" and api.invoices.retrieve(made.id).amount_due == 8_000
    card = api.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    api.customers.update(customer, {"invoice_settings": {"default_payment_method": card}})
    api.invoices.pay(made.id)
    after = api.credit_notes.create(
        {"invoice": made.id, "amount": 3_000, "refund_amount": 3_000, "reason": "order_change"})
    assert after.type == "post_payment"
    invoice = api.invoices.retrieve(made.id)
    assert (invoice.post_payment_credit_notes_amount, invoice.pre_payment_credit_notes_amount) == (3_000, 1_000)
    assert [x.id for x in api.credit_notes.list({"invoice": made.id}).auto_paging_iter()] == [after.id, note.id]
    if version == VERSIONS[1]:
        payment, = api.invoice_payments.list({"invoice": made.id}).data
        assert (payment.status, payment.amount_paid, payment.payment.type) == ("paid", 8_000, "payment_intent")
        same = {"payment": {"type": "payment_intent", "payment_intent": payment.payment.payment_intent}}
        assert [x.id for x in api.invoice_payments.list(same).auto_paging_iter()] == [payment.id]
        assert api.invoice_payments.retrieve(payment.id).invoice == made.id
    raises(stripe.InvalidRequestError, lambda: api.credit_notes.create(
        {"invoice": made.id, "amount": 5_001, "refund_amount": 5_001}), 400, None)


def check_writing(version, key):
    """Every answer to a write of payments, against the specification."""
    wire = Wire(key, version)
    schemas = SPECIFICATIONS[version].schemas
    error = SPECIFICATIONS[version].answer("GET", "/v1/charges", "default")
    form = {"amount": 700, "currency": "usd", "metadata[a]": "é\"", "description": "x"}
    for method, status in [("pm_card_visa", 200), ("pm_card_chargeDeclined", 402), ("pm_usBankAccount_success", 200),
                           ("pm_card_threeDSecure2Required", 200)]:
        got, body = wire.json("POST", "/v1/payment_intents", form | {"confirm": "true", "payment_method": method})
        assert got == status, (method, got, body)
        expect(version, schemas["payment_intent"] if got == 200 else error, body, f"confirm with {got}")
        if method == "pm_card_visa":
            refund = wire.ok("POST", "/v1/refunds", {"payment_intent": body["id"], "metadata[b]": "c"})
            expect(version, schemas["refund"], refund, "POST /v1/refunds")
    for path in ["/v1/charges/ch_x", "/v1/refunds/re_x", "/v1/disputes/dp_x", "/v1/credit_notes/cn_x"]:
        got, body = wire.json("GET", path)
        assert got == 404
        expect(version, error, body, "errors")


def check_sessions(version, key):
    """What only looks wrong in a history: an intent behind a Checkout session."""
    wire = Wire(key, version)
    found = []
    for intent in wire.pages("/v1/payment_intents"):
        if intent["status"] == "requires_payment_method" and not intent["latest_charge"]:
            page = wire.ok("GET", f"/v1/checkout/sessions?payment_intent={intent['id']}")
            found += page["data"]
    assert found, "no Checkout session"
    root = stripe.StripeClient(
        key, base_addresses={"api": os.environ["SANDBOX_URL"]}, stripe_version=version, max_network_retries=0)
    for session in found:
        if version == VERSIONS[1]:
            expect(version, SPECIFICATIONS[version].schemas["checkout.session"], session, "checkout.session")
        same, = root.v1.checkout.sessions.list({"payment_intent": session["payment_intent"]}).data
        assert (same.id, same.object, same.mode) == (session["id"], "checkout.session", "payment")
        got, body = wire.json("POST", f"/v1/payment_intents/{session['payment_intent']}/cancel", {})
        assert got == 400 and "Checkout" in body["error"]["message"], body


def main():
    for key, _ in json.loads(os.environ["SANDBOX_ACCOUNTS"]):
        for version in VERSIONS:
            sizes = check_generated(version, key)
            print(key, version, "charges, refunds, disputes, credit notes:", *sizes, file=sys.stderr)
            check_library(version, key)
            check_writing(version, key)
            sizes = check_generated(version, key)
    for version in VERSIONS:
        for key in (os.environ["SANDBOX_AGENCY_KEY"], os.environ["SANDBOX_PATIENT_KEY"]):
            check_sessions(version, key)
    for what in sorted(counts):
        print(f"{counts[what]:6} {what}")
    if faults:
        unique = sorted(set(faults))
        print(f"{len(faults)} faults, {len(unique)} different:", *unique[:40], sep="\n  ", file=sys.stderr)
        sys.exit(1)


main()
