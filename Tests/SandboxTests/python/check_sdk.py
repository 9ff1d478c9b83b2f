"""Drives the sandbox with Stripe's own Python library."""

import json
import os
import sys

import stripe

URL = os.environ["SANDBOX_URL"]
KEY = json.loads(os.environ["SANDBOX_ACCOUNTS"])[0][0]


def client(version=None, key=KEY, url=URL, retries=0):
    options = {"stripe_version": version} if version else {}
    return stripe.StripeClient(key, base_addresses={"api": url}, max_network_retries=retries, **options)


def raises(kind, call, status=None, code=None, param=None):
    try:
        call()
    except stripe.StripeError as error:
        assert type(error) is kind, f"{type(error).__name__} instead of {kind.__name__}: {error}"
        assert status is None or error.http_status == status, error.http_status
        assert code is None or error.code == code, error.code
        assert param is None or error.param == param, error.param
        return error
    raise AssertionError(f"{kind.__name__} was not raised")


def check_lists(api):
    forward = [x.id for x in api.invoices.list({"limit": 37}).auto_paging_iter()]
    assert len(forward) == len(set(forward)) > 100, len(forward)
    assert forward == [x.id for x in api.invoices.list({"limit": 100}).auto_paging_iter()]
    backward = api.invoices.list({"limit": 41, "ending_before": forward[-1]})
    assert [x.id for x in backward.auto_paging_iter()] == forward[:-1][::-1], "backwards"
    newest = api.invoices.retrieve(forward[0])
    window = {"created": {"gte": newest.created - 30 * 86_400, "lt": newest.created}, "limit": 100}
    for invoice in api.invoices.list(window).auto_paging_iter():
        assert newest.created - 30 * 86_400 <= invoice.created < newest.created
    paid = api.invoices.list({"status": "paid", "customer": newest.customer})
    assert all(x.status == "paid" and x.customer == newest.customer for x in paid.auto_paging_iter())
    intents = [x.id for x in api.payment_intents.list({"limit": 50}).auto_paging_iter()]
    assert len(intents) == len(set(intents)) > 50
    assert api.payment_intents.retrieve(intents[0]).object == "payment_intent"
    assert api.accounts.retrieve_current().object == "account"


def check_states(api):
    customer = api.customers.create({"name": "Jenny Rosen", "email": "j@example.com", "metadata": {"a": "b"}})
    assert api.customers.retrieve(customer.id).metadata["a"] == "b"

    def draft():
        made = api.invoices.create({
            "customer": customer.id, "collection_method": "send_invoice", "days_until_due": 30,
            "auto_advance": False, "metadata": {"order_id": "17"}})
        api.invoice_items.create({
            "customer": customer.id, "invoice": made.id, "amount": 20_000, "currency": "usd",
            "description": "1 credit"})
        return made.id

    paid, void, given, gone = draft(), draft(), draft(), draft()
    before = api.invoices.retrieve(paid)
    assert (before.status, before.total, before.number) == ("draft", 20_000, None)
    assert before.due_date == before.created + 30 * 86_400
    assert api.invoices.update(paid, {"metadata": {"order_id": "18"}}).metadata["order_id"] == "18"
    opened = api.invoices.finalize_invoice(paid)
    assert opened.status == "open" and opened.hosted_invoice_url and opened.number
    assert api.invoices.send_invoice(paid).status == "open"
    raises(stripe.InvalidRequestError, lambda: api.invoices.pay(paid), 400)
    assert api.invoices.retrieve(paid).status == "open"
    card = api.payment_methods.attach("pm_card_visa", {"customer": customer.id}).id
    api.customers.update(customer.id, {"invoice_settings": {"default_payment_method": card}})
    done = api.invoices.pay(paid)
    assert (done.status, done.amount_remaining, done.amount_paid) == ("paid", 0, 20_000)
    assert done.status_transitions.paid_at
    api.invoices.finalize_invoice(void)
    assert api.invoices.void_invoice(void).status == "void"
    api.invoices.finalize_invoice(given)
    assert api.invoices.mark_uncollectible(given).status == "uncollectible"
    assert api.invoices.delete(gone).deleted
    raises(stripe.InvalidRequestError, lambda: api.invoices.retrieve(gone), 404, "resource_missing", "invoice")
    raises(stripe.InvalidRequestError, lambda: api.invoices.list({"starting_after": gone}), 400,
           "resource_missing", "starting_after")
    for call in [lambda: api.invoices.finalize_invoice(paid), lambda: api.invoices.pay(paid),
                 lambda: api.invoices.void_invoice(paid), lambda: api.invoices.delete(paid),
                 lambda: api.invoices.mark_uncollectible(given), lambda: api.invoices.pay(void)]:
        raises(stripe.InvalidRequestError, call, 400)
    return {"paid": paid, "void": void, "given": given, "gone": gone}


def check_methods(api):
    customer = api.customers.create({"name": "Pays"}).id
    setup = api.setup_intents.create({
        "customer": customer, "payment_method_types": ["card", "us_bank_account"], "description": "later",
        "metadata": {"agency_id": "7"}})
    assert (setup.status, setup.customer) == ("requires_payment_method", customer)
    assert setup.client_secret.startswith(setup.id) and api.setup_intents.retrieve(setup.id).id == setup.id
    card = api.payment_methods.attach("pm_card_visa", {"customer": customer})
    bank = api.payment_methods.attach("pm_usBankAccount", {"customer": customer})
    listed = [x.id for x in api.payment_methods.list({"customer": customer, "limit": 1}).auto_paging_iter()]
    assert listed == [bank.id, card.id], listed
    assert [x.id for x in api.payment_methods.list({"customer": customer, "type": "card"}).data] == [card.id]
    updated = api.customers.update(customer, {"invoice_settings": {"default_payment_method": card.id}})
    assert updated.invoice_settings.default_payment_method == card.id
    source = api.customers.payment_sources.create(customer, {"source": "btok_us_verified"})
    assert (source.object, source.status) == ("bank_account", "verified")
    charge = {"customer": customer, "amount": 5_000, "currency": "usd", "confirm": True, "off_session": True}
    assert api.payment_intents.create({**charge, "payment_method": card.id}).status == "succeeded"
    assert api.payment_intents.create({**charge, "payment_method": bank.id}).status == "processing"
    for name, code in [("pm_card_authenticationRequired", "authentication_required"),
                       ("pm_card_chargeDeclined", "card_declined"),
                       ("pm_card_chargeCustomerFail", "card_declined")]:
        method = api.payment_methods.attach(name, {"customer": customer}).id
        error = raises(
            stripe.CardError, lambda: api.payment_intents.create({**charge, "payment_method": method}), 402, code)
        assert error.error.payment_intent.status == "requires_payment_method"
    for call in [lambda: api.payment_methods.attach("pm_nobody", {"customer": customer}),
                 lambda: api.payment_intents.create({**charge, "payment_method": "pm_nobody"})]:
        assert "No such PaymentMethod: 'pm_nobody'" in str(raises(
            stripe.InvalidRequestError, call, None, "resource_missing", "payment_method"))
    other = api.customers.create({"name": "Other"}).id
    for call in [lambda: api.payment_methods.attach(card.id, {"customer": other}),
                 lambda: api.customers.update(other, {"invoice_settings": {"default_payment_method": card.id}}),
                 lambda: api.payment_intents.create({**charge, "customer": other, "payment_method": card.id})]:
        raises(stripe.InvalidRequestError, call, 400)


def check_events(api, made):
    kinds = {}
    for event in api.events.list({"limit": 100}).auto_paging_iter():
        kinds.setdefault(event.data.object.id, []).insert(0, event.type)
    start = ["invoice.created", "invoice.updated"]
    opened = ["invoice.finalized", "invoice.updated"]
    assert kinds[made["paid"]] == start + ["invoice.updated"] + opened + [
        "invoice.sent", "invoice.updated", "invoice.paid", "invoice.payment_succeeded"], kinds[made["paid"]]
    assert kinds[made["void"]] == start + opened + ["invoice.updated", "invoice.voided"]
    assert kinds[made["given"]] == start + opened + ["invoice.updated", "invoice.marked_uncollectible"]
    assert kinds[made["gone"]] == start + ["invoice.deleted"]
    newest = api.events.list({"types": ["invoice.paid", "invoice.voided"], "limit": 100})
    assert {x.type for x in newest.auto_paging_iter()} == {"invoice.paid", "invoice.voided"}
    event = newest.data[0]
    assert api.events.retrieve(event.id).id == event.id and event.request.id.startswith("req_")
    assert event.request.idempotency_key
    lost = list(api.events.list({"delivery_success": False}).auto_paging_iter())
    assert lost and all(x.pending_webhooks > 0 for x in lost)


def check_errors(api):
    error = raises(stripe.InvalidRequestError, lambda: api.invoices.list({"limit": 101}), 400, None, "limit")
    assert error.request_id.startswith("req_")
    both = {"starting_after": "in_1", "ending_before": "in_2"}
    raises(stripe.InvalidRequestError, lambda: api.invoices.list(both), 400)
    raises(stripe.InvalidRequestError, lambda: api.invoices.list({"colour": "red"}), 400, "parameter_unknown", "colour")
    raises(stripe.AuthenticationError, lambda: client(key="sk_test_wrong_key_of_nobody").v1.invoices.list(), 401)
    reader = client(key=os.environ["SANDBOX_READ_KEY"]).v1
    assert reader.invoices.list().data
    raises(stripe.PermissionError, lambda: reader.customers.create({"name": "x"}), 403)
    options = {"idempotency_key": f"sdk-{os.getpid()}-{stripe.api_version}-{id(api)}"}
    first = api.customers.create({"name": "Once"}, options)
    again = api.customers.create({"name": "Once"}, options)
    assert first.id == again.id and again.last_response.headers["Idempotent-Replayed"] == "true"
    raises(stripe.IdempotencyError, lambda: api.customers.create({"name": "Twice"}, options), 400)


def check_retries():
    """The library's own retries against a server that fails now and then."""
    url = os.environ["SANDBOX_FAULTY_URL"]
    limited = raises(stripe.RateLimitError, lambda: client(url=url).v1.customers.retrieve("cus_x"), 429)
    assert limited.json_body["error"]["code"] == "rate_limit"
    api = client(url=url, retries=2).v1
    customer = api.customers.create({"name": "Retry"})
    made = api.invoices.create({"customer": customer.id})
    assert made.last_response.headers["Idempotent-Replayed"] == "true", "the first answer was lost"
    assert len(api.invoices.list({"customer": customer.id}).data) == 1, "a retry made a second invoice"
    assert api.events.list().data, "after a 503"


def main():
    for version in ["2023-10-16", "2026-07-29.dahlia", None]:
        api = client(version).v1
        check_lists(api)
        check_events(api, check_states(api))
        check_methods(api)
        check_errors(api)
        print(f"driven with {version or stripe.api_version}", file=sys.stderr)
    check_retries()


main()
