"""Judges documents by JSON Schemas, with an implementation that is not ours (Debian: python3-jsonschema).

Reads a line `[schema file, document]` for each, and prints `yes` or `no`. A schema is itself judged by the metaschema of
its draft before it judges anything.
"""

import json
import sys

from jsonschema import Draft202012Validator

validators = {}


def validator(path):
    if path not in validators:
        with open(path, encoding="utf-8") as file:
            schema = json.load(file)
        assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"], path
        Draft202012Validator.check_schema(schema)
        validators[path] = Draft202012Validator(schema)
    return validators[path]


for line in sys.stdin:
    path, document = json.loads(line)
    print("yes" if validator(path).is_valid(document) else "no")
