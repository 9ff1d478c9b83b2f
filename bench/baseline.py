"""The baseline: one page after the other, as a loop over an SDK's list does it.

One kept connection, limit=100, starting_after; each page goes through json.loads and becomes one INSERT of 100 rows,
committed before the next page is asked for. No retries, no checks, no comparison, no typed objects: less work than an
SDK does.
"""

import http.client
import json
import subprocess
import sys
import time
import urllib.parse

COLUMNS = "id, status, created, currency, amount, customer, order_id, agency_id, paid_at"
TABLE = """
    CREATE SCHEMA IF NOT EXISTS bench;
    DROP TABLE IF EXISTS bench.listed;
    CREATE TABLE bench.listed (id text, status text, created bigint, currency text, amount bigint, customer text,
        order_id bigint, agency_id bigint, paid_at bigint);
"""


def literal(value):
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(value)
    return "'" + value.replace("'", "''") + "'"


def row(invoice):
    metadata = invoice["metadata"]
    values = [
        invoice["id"], invoice["status"], invoice["created"], invoice["currency"], invoice["total"],
        invoice["customer"], int(metadata["order_id"]), int(metadata["agency_id"]),
        invoice["status_transitions"]["paid_at"]]
    return "(" + ", ".join(literal(value) for value in values) + ")"


def main(url, key, created_from, created_to, *psql):
    """Prints one line of JSON: objects, pages, bytes, seconds."""
    address = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname, address.port)
    headers = {"Authorization": f"Bearer {key}", "Stripe-Version": "2023-10-16"}
    database = subprocess.Popen(list(psql), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1 << 20)
    query = {"limit": 100, "created[gte]": created_from, "created[lt]": created_to}
    objects = pages = size = 0
    started = time.monotonic()
    while True:
        connection.request("GET", "/v1/invoices?" + urllib.parse.urlencode(query), headers=headers)
        body = connection.getresponse().read()
        page = json.loads(body)
        pages, size, objects = pages + 1, size + len(body), objects + len(page["data"])
        if page["data"]:
            rows = ",\n".join(row(invoice) for invoice in page["data"])
            database.stdin.write(f"INSERT INTO bench.listed ({COLUMNS}) VALUES {rows};\n\\echo done\n")
            database.stdin.flush()
            if database.stdout.readline() != "done\n":
                sys.exit("the INSERT failed")
        if not page["has_more"]:
            break
        query["starting_after"] = page["data"][-1]["id"]
    seconds = time.monotonic() - started
    database.stdin.close()
    if database.wait() != 0:
        sys.exit("psql failed")
    print(json.dumps({"objects": objects, "pages": pages, "bytes": size, "seconds": seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
