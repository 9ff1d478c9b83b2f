"""Plain HTTP to the sandbox, over one connection that is kept."""

import http.client
import json
import os
import urllib.parse


class Wire:
    """Requests with one key and, if given, one version."""

    def __init__(self, key, version=None):
        self.key = key
        self.version = version
        self.connection = http.client.HTTPConnection(urllib.parse.urlparse(os.environ["SANDBOX_URL"]).netloc)

    def send(self, method, path, form=None, headers=None):
        """The status, the headers (names in lower case) and the bytes of the body."""
        all_headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        if self.version:
            all_headers["Stripe-Version"] = self.version
        all_headers.update(headers or {})
        body = None
        if form is not None:
            body = urllib.parse.urlencode(form)
            all_headers["Content-Type"] = "application/x-www-form-urlencoded"
        self.connection.request(method, path, body=body, headers=all_headers)
        answer = self.connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()

    def json(self, method, path, form=None, headers=None):
        """The status and the decoded body."""
        status, _, body = self.send(method, path, form, headers)
        return status, json.loads(body)

    def ok(self, method, path, form=None, headers=None):
        """The decoded body of a request that has to succeed."""
        status, body = self.json(method, path, form, headers)
        assert status == 200, f"{method} {path}: {status} {body}"
        return body

    def pages(self, path, **query):
        """Every object of a list, forwards."""
        while True:
            page = self.ok("GET", f"{path}?{urllib.parse.urlencode({'limit': 100, **query})}")
            yield from page["data"]
            if not page["has_more"]:
                return
            query["starting_after"] = page["data"][-1]["id"]
