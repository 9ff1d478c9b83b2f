"""Frugality: how many requests a night takes when most of an account is old, next to how few there could be."""

import http.client
import json
import os
import urllib.parse

from measure import Sandbox, expect, run, scratch

LOOK_BACK_DAYS = 2
PER_PAGE = 100
# Refunds, disputes and credit notes are asked for once each, and the account.
SINGLE_REQUESTS = 4


def pay(sandbox, ids):
    """Has invoices paid at Stripe, of which nobody tells."""
    address = urllib.parse.urlsplit(sandbox.url)
    connection = http.client.HTTPConnection(address.hostname, address.port)
    headers = {
        "Authorization": f"Bearer {Sandbox.KEY}", "Stripe-Version": "2023-10-16",
        "Content-Type": "application/x-www-form-urlencoded"}
    for invoice in ids:
        connection.request("POST", f"/v1/invoices/{invoice}/pay", "paid_out_of_band=true", headers)
        answer = connection.getresponse()
        body = answer.read()
        expect(answer.status == 200, f"{invoice} could not be paid: {body[:400]}")


def fewest_pages(positions):
    """How many pages of consecutive objects hold all these positions of a list, at least."""
    pages, end = 0, -1
    for position in sorted(positions):
        if position > end:
            pages, end = pages + 1, position + PER_PAGE - 1
    return pages


def measure(program, database, sandbox, write_jobs, changes):
    """The tables agree with the account, and a complete run was there before. Of the account's invoices `changes` are
    paid since."""
    paid = database.sql(
        f"SELECT id FROM bench.listed WHERE status = 'open' ORDER BY md5(id) LIMIT {changes}").splitlines()
    expect(len(paid) == changes, f"{len(paid)} invoices are open, {changes} are wanted")
    pay(sandbox, paid)
    database.sql(
        """
        DROP TABLE IF EXISTS bench.waiting;
        CREATE TABLE bench.waiting AS SELECT stripe_invoice_id FROM public.task_credit_stripe_invoice
            WHERE NOT paid AND cancelled_at IS NULL;
        """)
    jobs = scratch("jobs-of-the-night")
    write_jobs(jobs, sandbox.url, "{per_second: 10000, per_endpoint: 10000, share: 1}", f"{LOOK_BACK_DAYS}d")
    environment = dict(os.environ, TASK_HEALTH_STRIPE_SECRET_KEY=Sandbox.KEY)
    spent = run(
        [program, "run", "credit-invoices", "--json", "--jobs", jobs, "--data-dir", database.directory],
        env=environment, ok=(0, 2))
    document = json.loads(spent.stdout)
    found = document["counts"]["missed_paid"]
    expect(document["state"] == "repaired", f"state {document['state']}: {document.get('problems')}")
    expect(found["found"] == found["repaired"] == changes, f"{changes} were paid, {found}")
    begins = document["period"]["from"]
    # Rows that wait and are older than what is listed anyway: each has to be looked at, and was not listed.
    older = database.sql(
        f"""
        SELECT place FROM (SELECT id, row_number() OVER (ORDER BY created DESC, id DESC) AS place FROM bench.listed
            WHERE created < {begins}) listed
        WHERE id IN (SELECT stripe_invoice_id FROM bench.waiting)
        """).splitlines()
    lists = database.number(
        "SELECT sum(pages)::bigint FROM (SELECT greatest(1, ceil(sum(objects) / 100.0)) AS pages FROM trueup.window "
        f"WHERE run_id = {document['run']} GROUP BY account, object) lists")
    least = SINGLE_REQUESTS + lists + fewest_pages([int(place) for place in older])
    return {
        "objects": database.number("SELECT count(*) FROM bench.listed"), "changed": changes, "older_rows": len(older),
        "requests": document["requests"], "requests_over_least": document["requests"] / least,
        "seconds": spent.seconds,
    }
