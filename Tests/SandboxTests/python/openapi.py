"""A validator for the subset of OpenAPI 3 that Stripe's specification uses.

It checks required members, types, enumerations, `nullable`, `anyOf` (expandable fields among them), and that no
member is unknown to the schema, which a general validator would let pass.
"""

import json

# Members that api.stripe.com sends and its specification leaves out: seen in the recorded exchanges.
RECORDED_EXTRAS = {("lines", "total_count")}
RECORDED_EXTRAS_OF = {"charge": {"destination", "dispute", "order", "source"}}


class Specification:
    """One version of the specification."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.document = json.load(file)
        self.schemas = self.document["components"]["schemas"]

    def answer(self, method, path, status="200"):
        """The schema of what this operation answers."""
        operation = self.document["paths"][path][method.lower()]
        return operation["responses"][status]["content"]["application/json"]["schema"]

    def check(self, value, schema, where="$"):
        """Every fault of `value`, as sentences."""
        if "$ref" in schema:
            return self.check(value, self.schemas[schema["$ref"].rsplit("/", 1)[1]], where)
        if value is None:
            return [] if schema.get("nullable") else [f"{where}: null is not allowed"]
        if "anyOf" in schema:
            return self.check_any(value, schema["anyOf"], where)
        faults = []
        if "enum" in schema and value not in schema["enum"]:
            faults.append(f"{where}: {value!r} is none of {schema['enum'][:8]}")
        kind = schema.get("type")
        if kind == "object" or "properties" in schema:
            return faults + self.check_object(value, schema, where)
        if kind == "array":
            if not isinstance(value, list):
                return faults + [f"{where}: {value!r} is not an array"]
            for position, item in enumerate(value):
                faults += self.check(item, schema.get("items", {}), f"{where}[{position}]")
            return faults
        fits = {
            "string": lambda v: isinstance(v, str),
            "boolean": lambda v: isinstance(v, bool),
            "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
            "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
        }
        if kind in fits and not fits[kind](value):
            faults.append(f"{where}: {value!r} is not of type {kind}")
        if kind == "string" and len(value) > schema.get("maxLength", len(value)):
            faults.append(f"{where}: longer than {schema['maxLength']}")
        return faults

    def check_any(self, value, choices, where):
        best = None
        for choice in choices:
            faults = self.check(value, choice, where)
            if not faults:
                return []
            if best is None or len(faults) < len(best):
                best = faults
        return best

    def check_object(self, value, schema, where):
        if not isinstance(value, dict):
            return [f"{where}: {value!r} is not an object"]
        faults = [f"{where}: {name} is missing" for name in schema.get("required", []) if name not in value]
        properties = schema.get("properties", {})
        extra = schema.get("additionalProperties")
        holder = where.rsplit(".", 1)[-1]
        extras = RECORDED_EXTRAS_OF.get(value.get("object"), set()) if isinstance(value.get("object"), str) else set()
        for name, item in value.items():
            if name in properties:
                faults += self.check(item, properties[name], f"{where}.{name}")
            elif isinstance(extra, dict):
                faults += self.check(item, extra, f"{where}.{name}")
            elif properties and not extra and (holder, name) not in RECORDED_EXTRAS and name not in extras:
                faults.append(f"{where}: {name} is unknown to the schema")
        return faults
