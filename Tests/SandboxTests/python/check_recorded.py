"""Holds headers and bodies of the sandbox against exchanges recorded from api.stripe.com."""

import json
import os
import sys

from wire import Wire

with open(os.path.join(os.environ["STRIPE_SHARED"], "real_wire_samples.json"), encoding="utf-8") as file:
    RECORDED = json.load(file)["exchanges"]
KEY = json.loads(os.environ["SANDBOX_ACCOUNTS"])[0][0]
DAHLIA = "2026-07-29.dahlia"


def recorded(method, start, status, version=""):
    """The first recorded exchange of this kind."""
    for exchange in RECORDED:
        if (exchange["method"] == method and exchange["path"].startswith(start) and exchange["status"] == status
                and exchange["response_headers"].get("stripe-version", "").endswith(version)):
            return exchange
    raise LookupError((method, start, status, version))


def paths(value, prefix=""):
    """The names of all members, with dots; the items of an array count as one."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield f"{prefix}{name}"
            yield from paths(item, f"{prefix}{name}.")
    elif isinstance(value, list):
        for item in value:
            yield from paths(item, prefix)


def same_headers(ours, exchange, what):
    theirs = set(exchange["response_headers"])
    assert set(ours) == theirs, f"{what}: more {set(ours) - theirs}, less {theirs - set(ours)}"
    for name in ["content-type", "cache-control", "vary", "connection", "server",
                 "x-stripe-routing-context-priority-tier", "www-authenticate", "stripe-should-retry"]:
        assert ours.get(name) == exchange["response_headers"].get(name), f"{what}: {name} is {ours.get(name)}"


def same_layout(body, what, ending=""):
    text = body.decode()
    laid_out = json.dumps(json.loads(text), indent=2, ensure_ascii=False) + ending
    assert text == laid_out, f"{what}: not laid out as recorded"


def check_reading():
    wire = Wire(KEY, DAHLIA)
    exchange = recorded("GET", "/v1/payment_intents/", 200, "clover")
    status, headers, body = wire.send("GET", "/v1/payment_intents?limit=3")
    assert status == 200
    same_headers(headers, exchange, "GET 200")
    assert headers["content-length"] == str(len(body)) and headers["stripe-version"] == DAHLIA
    assert "content-encoding" not in headers and "transfer-encoding" not in headers
    same_layout(body, "GET 200")
    status, headers, body = wire.send("GET", "/v1/invoices?limit=100")
    same_layout(body, "list of invoices")
    page = json.loads(body)
    listed = recorded("GET", "/v1/invoice_payments", 200)
    assert list(page) == list(json.loads(listed["body"])), list(page)


def payer(wire):
    """A customer with a card, which invoices are paid with by default."""
    customer = wire.ok("POST", "/v1/customers", {"name": "Recorded"})["id"]
    card = wire.ok("POST", "/v1/payment_methods/pm_card_visa/attach", {"customer": customer})["id"]
    wire.ok("POST", f"/v1/customers/{customer}", {"invoice_settings[default_payment_method]": card})
    return customer


def check_writing():
    wire = Wire(KEY, DAHLIA)
    customer = payer(wire)
    form = {"customer": customer, "amount": 1_000, "currency": "usd", "description": "One-time setup fee"}
    exchange = recorded("POST", "/v1/invoiceitems", 200, "dahlia")
    status, headers, body = wire.send("POST", "/v1/invoiceitems", form, {"Idempotency-Key": "recorded-item"})
    same_headers(headers, exchange, "POST /v1/invoiceitems")
    assert headers["idempotency-key"] == "recorded-item" and headers["original-request"] == headers["request-id"]
    assert list(paths(json.loads(body))) == list(paths(json.loads(exchange["body"]))), "invoice item"
    exchange = recorded("POST", "/v1/invoices", 200, "dahlia")
    form = {"customer": customer, "pending_invoice_items_behavior": "include"}
    status, headers, body = wire.send("POST", "/v1/invoices", form, {"Idempotency-Key": "recorded-invoice"})
    same_headers(headers, exchange, "POST /v1/invoices")
    draft = json.loads(body)
    assert list(paths(draft)) == list(paths(json.loads(exchange["body"]))), "draft"
    exchange = recorded("POST", "/v1/invoices/in_1TGnFE", 200, "dahlia")
    status, headers, body = wire.send(
        "POST", f"/v1/invoices/{draft['id']}/pay", {}, {"Idempotency-Key": "recorded-pay"})
    same_headers(headers, exchange, "POST pay")
    paid, theirs = json.loads(body), json.loads(exchange["body"])
    assert list(paths(paid)) == list(paths(theirs)), "paid invoice"
    for name in ["status", "amount_due", "amount_paid", "amount_remaining", "attempt_count", "attempted",
                 "auto_advance", "billing_reason", "collection_method", "ending_balance", "total", "subtotal"]:
        assert paid[name] == theirs[name], f"{name}: {paid[name]} is not {theirs[name]}"


def check_money():
    """Charges, refunds, credit notes and payments of invoices have the members that were recorded, in their order."""
    wire = Wire(KEY, DAHLIA)
    customer = payer(wire)
    wire.ok("POST", "/v1/invoiceitems", {"customer": customer, "amount": 1_000, "currency": "usd"})
    form = {"customer": customer, "pending_invoice_items_behavior": "include"}
    invoice = wire.ok("POST", "/v1/invoices", form)["id"]
    wire.ok("POST", f"/v1/invoices/{invoice}/pay", {})
    theirs = json.loads(recorded("GET", "/v1/invoice_payments", 200, "dahlia")["body"])
    status, headers, body = wire.send("GET", f"/v1/invoice_payments?invoice={invoice}")
    ours = json.loads(body)
    same_layout(body, "GET /v1/invoice_payments")
    assert list(paths(ours)) == list(paths(theirs)), "payment of an invoice"
    intent = ours["data"][0]["payment"]["payment_intent"]
    for name in ["status", "amount_paid", "amount_requested", "is_default"]:
        assert ours["data"][0][name] == theirs["data"][0][name], name
    theirs = json.loads(recorded("GET", "/v1/charges/", 200, "dahlia")["body"])
    charge = wire.ok("GET", f"/v1/charges?payment_intent={intent}")["data"][0]
    status, headers, body = wire.send("GET", f"/v1/charges/{charge['id']}")
    same_layout(body, "GET /v1/charges")
    expanded = {"balance_transaction", "payment_intent", "refunds"}
    names = [x for x in paths(theirs) if x.split(".")[0] not in expanded and "REDACTED" not in x]
    assert [x for x in paths(charge) if x.split(".")[0] not in expanded] == names, "charge"
    assert [x for x in charge] == [x for x in theirs if x != "refunds"], "charge, all members"
    theirs = json.loads(recorded("POST", "/v1/refunds", 200)["body"])
    exchange = recorded("POST", "/v1/refunds", 200)
    status, headers, body = wire.send(
        "POST", "/v1/refunds", {"payment_intent": intent, "amount": 400}, {"Idempotency-Key": "recorded-refund"})
    same_headers(headers, exchange, "POST /v1/refunds")
    same_layout(body, "POST /v1/refunds")
    assert list(paths(json.loads(body))) == list(paths(theirs)), "refund"
    theirs = json.loads(recorded("POST", "/v1/credit_notes", 200)["body"])
    note = wire.ok("POST", "/v1/credit_notes", {"invoice": invoice, "amount": 500, "refund_amount": 500})
    # The version of the recording does not have the member yet.
    assert [x for x in paths(note) if x != "customer_account"] == list(paths(theirs)), "credit note"
    assert note["type"] == theirs["type"] and note["refunds"][0]["amount_refunded"] == 500


def check_errors():
    wire = Wire(KEY, DAHLIA)
    exchange = recorded("POST", "/v1/payment_methods/abcd/attach", 404)
    status, headers, body = wire.send(
        "POST", "/v1/invoices/in_abcd/pay", {}, {"Idempotency-Key": "recorded-missing"})
    assert status == 404
    same_headers(headers, exchange, "404 with a key")
    same_layout(body, "404", "\n")
    ours, theirs = json.loads(body)["error"], json.loads(exchange["body"])["error"]
    assert list(ours) == list(theirs) and ours["code"] == theirs["code"] and ours["doc_url"] == theirs["doc_url"]
    exchange = recorded("POST", "/v1/payment_intents", 400, "dahlia")
    _, _, body = wire.send("GET", "/v1/invoices?limit=1000")
    ours, theirs = json.loads(body)["error"], json.loads(exchange["body"])["error"]
    assert list(ours) == list(theirs) and "/test/workbench/logs?object=req_" in ours["request_log_url"]
    old = json.loads(Wire(KEY, "2023-10-16").send("GET", "/v1/invoices?limit=1000")[2])["error"]
    assert old["request_log_url"].startswith("https://dashboard.stripe.com/test/logs/req_"), old
    exchange = recorded("GET", "/v1/invoice_payments", 401)
    status, headers, body = Wire("sk_test_nobody_knows_this_key", DAHLIA).send("GET", "/v1/invoices")
    assert status == 401
    same_headers(headers, exchange, "401")
    same_layout(body, "401", "\n")
    assert list(json.loads(body)["error"]) == list(json.loads(exchange["body"])["error"])
    assert b"nobody" not in body, "a key has to be masked"


check_reading()
check_writing()
check_money()
check_errors()
print("headers and bodies are as recorded", file=sys.stderr)
