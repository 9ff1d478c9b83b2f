"""Reads metrics with Prometheus' own parser: from a URL or a file. Prints one sample a line: name, labels, value."""

import sys
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

source = sys.argv[1]
if source.startswith("http://"):
    with urllib.request.urlopen(source, timeout=20) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4"), answer.headers
        text = answer.read().decode()
else:
    text = open(source, encoding="utf-8").read()
for family in text_string_to_metric_families(text):
    assert family.documentation, family.name
    assert family.type in ("counter", "gauge", "summary"), family
    for sample in family.samples:
        labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
        print(f"{sample.name}{{{labels}}} {sample.value}")
