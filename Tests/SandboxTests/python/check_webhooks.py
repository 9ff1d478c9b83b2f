"""Holds webhooks that arrived against Stripe's library (signatures) and specification (the object in its version)."""

import json
import os
import sys

import stripe

from openapi import Specification

VERSIONS = {"2023-10-16": "whsec_v2023", "2026-07-29.dahlia": "whsec_dahlia"}
SPECIFICATIONS = {
    v: Specification(os.path.join(os.environ["STRIPE_SHARED"], f"openapi-{v}.json")) for v in VERSIONS}

with open(os.environ["WEBHOOKS"], encoding="utf-8") as file:
    taken = json.load(file)
faults, seen = [], set()
for request in taken:
    version = json.loads(request["body"])["api_version"]
    secret, header = VERSIONS[version], request["headers"]["stripe-signature"]
    event = stripe.Webhook.construct_event(request["body"].encode(), header, secret)
    seen.add((version, event.type))
    for wrong in [lambda: stripe.Webhook.construct_event(request["body"].encode() + b" ", header, secret),
                  lambda: stripe.Webhook.construct_event(request["body"].encode(), header, secret + "x")]:
        try:
            wrong()
        except stripe.SignatureVerificationError:
            continue
        raise AssertionError("a wrong signature was taken")
    about = json.loads(request["body"])["data"]["object"]
    specification = SPECIFICATIONS[version]
    faults += [f"{version} {event.type}: {x}" for x in specification.check(about, specification.schemas[about["object"]])]
    assert request["body"] == json.dumps(json.loads(request["body"]), indent=2, ensure_ascii=False)
    assert request["headers"]["content-type"] == "application/json; charset=utf-8"
    assert request["headers"]["user-agent"].startswith("Stripe/1.0")
wanted = {"invoice.paid", "charge.failed", "charge.succeeded", "payment_intent.succeeded", "refund.created",
          "charge.refunded", "credit_note.created", "charge.dispute.created", "payment_intent.payment_failed"}
for version in VERSIONS:
    missing = wanted - {kind for v, kind in seen if v == version}
    assert not missing, (version, missing)
print(f"{len(taken)} webhooks of {len(seen)} kinds", *sorted(set(faults))[:40], sep="\n  ", file=sys.stderr)
sys.exit(1 if faults else 0)
