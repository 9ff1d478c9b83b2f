"""Holds the sandbox's answers against Stripe's specification, in both versions."""

import json
import os
import sys

from openapi import Specification
from wire import Wire

VERSIONS = ["2023-10-16", "2026-07-29.dahlia"]
SHARED = os.environ["STRIPE_SHARED"]
SPECIFICATIONS = {v: Specification(os.path.join(SHARED, f"openapi-{v}.json")) for v in VERSIONS}
faults = []
counts = {}


def expect(version, schema, value, what):
    counts[what] = counts.get(what, 0) + 1
    for fault in SPECIFICATIONS[version].check(value, schema)[:5]:
        faults.append(f"{version} {what}: {fault}")


def answered(version, wire, method, template, path, form=None):
    """Sends a request that has to succeed, and checks its answer."""
    body = wire.ok(method, path, form)
    expect(version, SPECIFICATIONS[version].answer(method, template), body, f"{method} {template}")
    return body


def check_events(version, wire, pinned):
    page = answered(version, wire, "GET", "/v1/events", "/v1/events?limit=100")
    schemas = SPECIFICATIONS[pinned].schemas
    for event in page["data"] + list(wire.pages("/v1/events")):
        assert event["api_version"] == pinned, event["api_version"]
        about = event["data"]["object"]
        expect(pinned, schemas[about["object"]], about, f"data.object of {event['type']}")
        assert ("previous_attributes" in event["data"]) == event["type"].endswith(".updated"), event["type"]
    for event in page["data"][:20]:
        single = answered(version, wire, "GET", "/v1/events/{id}", f"/v1/events/{event['id']}")
        assert single == event, "an event alone differs from the same in a list"


def check_reading(version, wire, pinned):
    account = wire.ok("GET", "/v1/account")
    expect(version, SPECIFICATIONS[version].schemas["account"], account, "GET /v1/account")
    query, seen = "", {}
    while True:
        page = answered(version, wire, "GET", "/v1/invoices", f"/v1/invoices?limit=100{query}")
        for invoice in page["data"]:
            seen.setdefault((invoice["status"], invoice["currency"], len(invoice["lines"]["data"])), invoice)
        if not page["has_more"]:
            break
        query = f"&starting_after={page['data'][-1]['id']}"
    for invoice in seen.values():
        path = f"/v1/invoices/{invoice['id']}"
        single = answered(version, wire, "GET", "/v1/invoices/{invoice}", path)
        assert single == invoice, "an invoice alone differs from the same in a list"
        if version == VERSIONS[1]:
            whole = answered(version, wire, "GET", "/v1/invoices/{invoice}", f"{path}?expand[]=payments")
            assert {**invoice, "payments": whole["payments"]} == whole, "more than the payments was expanded"
        lines = answered(version, wire, "GET", "/v1/invoices/{invoice}/lines", f"{path}/lines")
        assert lines["data"] == invoice["lines"]["data"]
        answered(version, wire, "GET", "/v1/customers/{customer}", f"/v1/customers/{invoice['customer']}")
    statuses = {key[0] for key in seen}
    assert statuses == {"draft", "open", "paid", "void", "uncollectible"}, statuses
    page = answered(version, wire, "GET", "/v1/payment_intents", "/v1/payment_intents?limit=100")
    for intent in page["data"]:
        single = answered(
            version, wire, "GET", "/v1/payment_intents/{intent}", f"/v1/payment_intents/{intent['id']}")
        assert single == intent, "an intent alone differs from the same in a list"
    check_events(version, wire, pinned)


def check_writing(version, wire):
    customer = answered(
        version, wire, "POST", "/v1/customers", "/v1/customers",
        {"name": 'Zoë "quoted" \\ Müller', "email": "z@example.com", "metadata[a]": "1"})

    def draft(amount=2_000):
        made = answered(
            version, wire, "POST", "/v1/invoices", "/v1/invoices",
            {"customer": customer["id"], "collection_method": "send_invoice", "days_until_due": 30,
             "metadata[order_id]": "7", "description": "line\nbreak"})
        answered(
            version, wire, "POST", "/v1/invoiceitems", "/v1/invoiceitems",
            {"customer": customer["id"], "invoice": made["id"], "amount": amount, "currency": "usd"})
        return made["id"]

    def step(id, name, form=None):
        return answered(
            version, wire, "POST", "/v1/invoices/{invoice}/" + name, f"/v1/invoices/{id}/{name}", form or {})

    paid = draft()
    updated = answered(
        version, wire, "POST", "/v1/invoices/{invoice}", f"/v1/invoices/{paid}", {"metadata[b]": "2"})
    assert updated["metadata"] == {"b": "2", "order_id": "7"}
    assert updated["total"] == 2_000
    assert step(paid, "finalize")["status"] == "open"
    assert step(paid, "send")["status"] == "open"
    card = wire.ok("POST", "/v1/payment_methods/pm_card_visa/attach", {"customer": customer["id"]})["id"]
    wire.ok("POST", f"/v1/customers/{customer['id']}", {"invoice_settings[default_payment_method]": card})
    assert step(paid, "pay")["status"] == "paid"
    void, given, gone = draft(), draft(), draft()
    step(void, "finalize")
    assert step(void, "void")["status"] == "void"
    step(given, "finalize")
    assert step(given, "mark_uncollectible")["status"] == "uncollectible"
    deleted = answered(version, wire, "DELETE", "/v1/invoices/{invoice}", f"/v1/invoices/{gone}")
    assert deleted == {"id": gone, "object": "invoice", "deleted": True}


def check_methods(version, wire):
    customer = answered(
        version, wire, "POST", "/v1/customers", "/v1/customers", {"name": "Pays", "email": "p@example.com"})["id"]
    for kinds in [{}, {"payment_method_types[0]": "card", "payment_method_types[1]": "us_bank_account"}]:
        answered(
            version, wire, "POST", "/v1/setup_intents", "/v1/setup_intents",
            {"customer": customer, "description": "later", "metadata[a]": "b", **kinds})
    for name in ["pm_card_visa", "pm_usBankAccount"]:
        method = answered(
            version, wire, "POST", "/v1/payment_methods/{payment_method}/attach",
            f"/v1/payment_methods/{name}/attach", {"customer": customer})
    answered(version, wire, "GET", "/v1/payment_methods", f"/v1/payment_methods?customer={customer}")
    form = {"invoice_settings[default_payment_method]": method["id"]}
    updated = answered(
        version, wire, "POST", "/v1/customers/{customer}", f"/v1/customers/{customer}", form)
    assert updated["invoice_settings"]["default_payment_method"] == method["id"]
    answered(
        version, wire, "POST", "/v1/customers/{customer}/sources", f"/v1/customers/{customer}/sources",
        {"source": "btok_us_verified", "metadata[plaid]": "1"})


def check_errors(version, wire):
    schema = SPECIFICATIONS[version].answer("GET", "/v1/invoices", "default")
    for method, path, status in [
        ("GET", "/v1/invoices/in_missing", 404), ("GET", "/v1/invoices?limit=101", 400),
        ("GET", "/v1/invoices?limit=0", 400), ("GET", "/v1/invoices?limit=x", 400),
        ("GET", "/v1/invoices?starting_after=in_a&ending_before=in_b", 400),
        ("GET", "/v1/invoices?starting_after=in_a", 400), ("GET", "/v1/invoices?colour=red", 400),
        ("GET", "/v1/nothing", 404), ("POST", "/v1/invoices", 400), ("GET", "/v1/invoices?status=lost", 400),
    ]:
        got, body = wire.json(method, path)
        assert got == status, f"{method} {path}: {got}"
        expect(version, schema, body, "errors")


def main():
    for key, pinned in json.loads(os.environ["SANDBOX_ACCOUNTS"]):
        for version in VERSIONS:
            wire = Wire(key, version)
            check_reading(version, wire, pinned)
            check_writing(version, wire)
            check_methods(version, wire)
            check_events(version, wire, pinned)
            check_errors(version, wire)
    for what in sorted(counts):
        print(f"{counts[what]:6} {what}")
    if faults:
        unique = sorted(set(faults))
        print(f"{len(faults)} faults, {len(unique)} different:", *unique[:40], sep="\n  ", file=sys.stderr)
        sys.exit(1)


main()
