#!/usr/bin/env python3
"""Writes synthetic lines as they reach an appliance, each labelled with the identifiers in it.

    generate.py --lines 2000 --seed 1 > sample.jsonl

Wants Faker 40 (PyPI, MIT). One JSON object a line: `form`; `locale`; `text`; `spans`, each [start, end, kind, known] with
start and end in bytes of UTF-8, `kind` of the 18 of 45 CFR 164.514(b)(2)(i), and `known` as what makes it one: its
`label`, its own `shape`, or nothing (`bare`). The same seed, number of lines and version of Faker give the same bytes.
"""

import argparse
import datetime
import json
import re
import sys
import urllib.parse
import xml.sax.saxutils

from faker import Faker

import templates
from values import KINDS, Values, has_shape

LOCALES = ["en_US", "en_GB", "de_DE", "fr_FR", "es_ES"]
FIELD = re.compile(r"\{([LSB])2?:([a-z0-9_]+)\}")

ESCAPES = {
    "raw": str,
    "json": lambda v: json.dumps(v, ensure_ascii=False)[1:-1],
    "jsonascii": lambda v: json.dumps(v)[1:-1],
    "jsonesc": lambda v: json.dumps(json.dumps(v)[1:-1])[1:-1],
    "url": urllib.parse.quote_plus,
    "xml": xml.sax.saxutils.escape,
    "sql": lambda v: v.replace("'", "''"),
    "hl7": lambda v: v.replace("\\", "\\E\\").replace("&", "\\T\\"),
    "csv": lambda v: f'"{v}"' if "," in v or ";" in v else v,
}


def stamp(faker):
    when = faker.date_time_between_dates(datetime.datetime(2026, 1, 1), datetime.datetime(2026, 12, 31))
    return when.strftime(faker.random.choice(["%Y-%m-%dT%H:%M:%S.000Z", "%Y-%m-%d %H:%M:%S,123", "%b %d %H:%M:%S", "%d/%b/%Y:%H:%M:%S +0000"]))


def line(faker, locale):
    """One labelled line."""
    values, random = Values(faker, locale), faker.random
    share = random.random()
    if share < 0.12:
        form, escape, text = "nothing", "raw", random.choice(templates.NOTHING)
    elif share < 0.4:
        form, escape, text = "sentence", "raw", random.choice(templates.SENTENCES[locale[:2]])
    else:
        form, escape, text = random.choice(templates.ANY + templates.LOCAL.get(locale, []) * 3)
    out, spans = "", []
    text = text.replace("%%", stamp(faker)).replace("{plain}", str(random.randint(100, 999)))
    at = 0
    for field in FIELD.finditer(text):
        out += text[at:field.start()]
        how, name = field.groups()
        value, kind = values.make(name)
        known = {"L": "label", "B": "bare"}.get(how) or ("shape" if has_shape(name, value, locale) else "bare")
        written = ESCAPES[escape](value)
        inner = written[1:-1] if escape == "csv" and written != value else written
        start = len(out.encode()) + written.index(inner)
        spans.append([start, start + len(inner.encode()), kind, known])
        out += written
        at = field.end()
    return {"form": form, "locale": locale, "text": out + text[at:], "spans": spans}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--lines", type=int, default=2000, help="how many lines")
    arguments.add_argument("--seed", type=int, required=True, help="the first of the seeds, one for each locale")
    chosen = arguments.parse_args()
    fakers = []
    for number, locale in enumerate(LOCALES):
        faker = Faker(locale)
        faker.seed_instance(chosen.seed * len(LOCALES) + number)
        fakers.append((faker, locale))
    for number in range(chosen.lines):
        made = line(*fakers[number % len(fakers)])
        assert all(kind in KINDS for _, _, kind, _ in made["spans"])
        sys.stdout.write(json.dumps(made, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
