"""The values: Faker's where it has a provider, and otherwise made by the published rule of the number.

No value is taken from, or shared with, the patterns that are measured.
"""

import base64
import datetime
import re

KINDS = {
    # 45 CFR 164.514(b)(2)(i), A to R, in its order.
    "name": "A", "geographic": "B", "date": "C", "phone": "D", "fax": "E", "email": "F", "ssn": "G", "mrn": "H",
    "plan": "I", "account": "J", "licence": "K", "vehicle": "L", "device": "M", "url": "N", "ip": "O",
    "biometric": "P", "photo": "Q", "other": "R",
}

MONTHS = {
    "en": "January February March April May June July August September October November December".split(),
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split(),
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split(),
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre".split(),
}


class Values:
    """Values of one locale. `make(name)` gives the value and its kind."""

    def __init__(self, faker, locale):
        self.f, self.r, self.locale = faker, faker.random, locale
        self.language = locale[:2]

    def make(self, name):
        kind = {
            "first": "name", "last": "name", "full": "name", "lastfirst": "name", "relative": "name",
            "street": "geographic", "city": "geographic", "zip": "geographic", "address": "geographic",
            "county": "geographic", "dob": "date", "dob_iso": "date", "dob_hl7": "date", "service": "date",
            "age": "date", "dob_word": "date", "iban": "account", "card": "account", "npi": "licence",
            "passport": "licence", "vin": "vehicle", "plate": "vehicle", "imei": "device", "udi": "device",
            "serial": "device", "home_page": "url", "ip6": "ip", "mac": "device", "uuid": "other", "login": "other",
            "nhs": "mrn", "photo_file": "photo", "photo64": "photo", "voice": "biometric", "claim": "other", "dni": "ssn",
        }.get(name, name)
        assert kind in KINDS, name
        return str(getattr(self, name)()).strip(), kind

    # A
    def first(self): return self.f.first_name()
    def last(self): return self.f.last_name()
    def full(self): return f"{self.f.first_name()} {self.f.last_name()}"
    def relative(self): return self.full()
    def lastfirst(self): return f"{self.f.last_name()}, {self.f.first_name()}"

    # B
    def street(self): return self.f.street_address().replace("\n", ", ")
    def city(self): return self.f.city()
    def zip(self): return self.f.postcode()
    def county(self): return self.f.city()

    def address(self):
        street, city, code = self.street(), self.city(), self.zip()
        return {
            "en_US": lambda: f"{street}, {city}, {self.f.state_abbr()} {code}",
            "en_GB": lambda: f"{street}, {city}, {code}",
            "es_ES": lambda: f"{street}, {code} {city}",
        }.get(self.locale, lambda: f"{street}, {code} {city}")()

    # C
    def _born(self): return self.f.date_between_dates(datetime.date(1936, 1, 1), datetime.date(2025, 12, 31))
    def dob_iso(self): return self._born().isoformat()
    def dob_hl7(self): return self._born().strftime("%Y%m%d")

    def dob(self):
        form = {"en_US": "%m/%d/%Y", "de_DE": "%d.%m.%Y"}.get(self.locale, "%d/%m/%Y")
        return self._born().strftime(self.r.choice([form, form, "%Y-%m-%d"]))

    def service(self):
        form = {"en_US": "%m/%d/%Y", "de_DE": "%d.%m.%Y"}.get(self.locale, "%d/%m/%Y")
        return self.f.date_between_dates(datetime.date(2024, 1, 1), datetime.date(2026, 12, 31)).strftime(form)

    def dob_word(self):
        born = self._born()
        month = MONTHS[self.language][born.month - 1]
        return {
            "en_US": f"{month} {born.day}, {born.year}", "en_GB": f"{born.day} {month} {born.year}",
            "de_DE": f"{born.day}. {month} {born.year}", "fr_FR": f"{born.day} {month} {born.year}",
            "es_ES": f"{born.day} de {month} de {born.year}",
        }[self.locale]

    def age(self): return self.r.randint(90, 109)

    # D, E, F
    def phone(self): return self.f.phone_number()
    def fax(self): return self.f.phone_number()

    def email(self):
        return self.r.choice([self.f.email, self.f.free_email, self.f.company_email])()

    # G: the number that a country's social insurance or tax office gives.
    def ssn(self):
        return {"de_DE": self._rvnr, "es_ES": self._spanish, "fr_FR": self._nir}.get(self.locale, self.f.ssn)()

    def _nir(self):
        number = self.f.ssn()
        if self.r.random() < 0.5:
            return number
        return " ".join([number[0], number[1:3], number[3:5], number[5:7], number[7:10], number[10:13], number[13:]])

    def _spanish(self): return self.r.choice([self.f.nif, self.f.nie, self.f.nuss])()
    def dni(self): return self.r.choice([self.f.nif, self.f.nie])() if self.locale == "es_ES" else self.ssn()

    def _rvnr(self):
        """German pension insurance number: area, birthday, letter, serial, check digit (VKVV § 4)."""
        born, letter = self._born(), self.r.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        head = f"{self.r.choice([2, 4, 10, 12, 15, 42, 53, 65]):02}{born.strftime('%d%m%y')}"
        serial = f"{self.r.randint(0, 99):02}"
        digits = head + f"{ord(letter) - 64:02}" + serial
        weights = [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1]
        check = sum(sum(divmod(int(d) * w, 10)) for d, w in zip(digits, weights)) % 10
        return self.r.choice([f"{head}{letter}{serial}{check}", f"{head[:2]} {head[2:]} {letter} {serial}{check}"])

    # H
    def mrn(self):
        return self.f.bothify(self.r.choice(["########", "#######", "MRN######", "?#######", "##-##-##", "H##########", "000#####"]), letters="ABCDEFGHJKM")

    def nhs(self):
        """NHS number: ten digits, the last of them modulo 11."""
        while True:
            digits = [self.r.randint(0, 9) for _ in range(9)]
            digits[0] = self.r.choice([4, 6, 7])
            check = 11 - sum(d * w for d, w in zip(digits, range(10, 1, -1))) % 11
            if check != 10:
                number = "".join(map(str, digits)) + str(check % 11)
                return f"{number[:3]} {number[3:6]} {number[6:]}"

    # I
    def plan(self):
        if self.locale == "de_DE":
            return self._kvnr()
        if self.locale == "en_US" and self.r.random() < 0.4:
            return self._mbi()
        return self.f.bothify(self.r.choice(["???#########", "#########", "W#########", "???######-##"]), letters="ABCDEFGHJKMPQRTX")

    def _kvnr(self):
        """German health insurance number: a letter, eight digits, check digit (§ 290 SGB V)."""
        letter = self.r.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        digits = f"{self.r.randint(0, 99999999):08}"
        total = sum(sum(divmod(int(d) * (1 + i % 2), 10)) for i, d in enumerate(f"{ord(letter) - 64:02}{digits}"))
        return f"{letter}{digits}{total % 10}"

    def _mbi(self):
        """Medicare beneficiary identifier: the positions and letters that CMS publishes."""
        letters, alnum = "ACDEFGHJKMNPQRTUVWXY", "0123456789ACDEFGHJKMNPQRTUVWXY"
        places = ["123456789", letters, alnum, "0123456789", letters, alnum, "0123456789", letters, letters, "0123456789", "0123456789"]
        mbi = "".join(self.r.choice(p) for p in places)
        return self.r.choice([mbi, f"{mbi[:4]}-{mbi[4:7]}-{mbi[7:]}"])

    # J
    def iban(self):
        iban = self.f.iban()
        return iban if self.r.random() < 0.6 else " ".join(iban[i:i + 4] for i in range(0, len(iban), 4))

    def card(self): return self.f.credit_card_number(self.r.choice(["visa16", "mastercard", "amex", "discover"]))
    def account(self): return self.f.bothify(self.r.choice(["########", "##########", "ACCT-######", "###-######-#"]))

    # K
    def licence(self):
        return self.f.bothify({"en_GB": "?????######??#??", "de_DE": "?##?#######"}.get(self.locale, self.r.choice(["?#######", "########", "?###-####-####"])), letters="ABCDEFGHKLMNPRSTW")

    def npi(self):
        """National provider identifier: Luhn over 80840 and nine digits."""
        head = str(self.r.choice([1, 2])) + "".join(str(self.r.randint(0, 9)) for _ in range(8))
        return head + self._luhn("80840" + head)

    def passport(self): return self.f.passport_number()

    # L
    def vin(self): return self.f.vin()
    def plate(self): return self.f.license_plate()

    # M
    def serial(self): return self.f.bothify(self.r.choice(["SN-########", "??##-#####-##", "??########", "#########"]), letters="ABCDEFGHJKLMNPQRSTVWX")
    def udi(self): return self.f.bothify("(01)0088483800001#(17)2#1231(10)A###B(21)########")

    def imei(self):
        head = "35" + "".join(str(self.r.randint(0, 9)) for _ in range(12))
        return head + self._luhn(head)

    def device(self): return self.serial()
    def mac(self): return self.f.mac_address()

    # N, O
    def url(self):
        return self.f.url() + self.r.choice(["patients/", "patient/", "portal/patients/"]) + str(self.r.randint(1000, 999999)) + self.r.choice(["", "/chart", "/results"])

    def home_page(self): return self.f.url()
    def ip(self): return self.f.ipv4_public()
    def ip6(self): return self.f.ipv6()

    # P, Q
    def _blob(self, size): return base64.b64encode(bytes(self.r.randint(0, 255) for _ in range(size))).decode()
    def biometric(self): return self._blob(self.r.randint(48, 90))
    def voice(self): return self.f.bothify("vp-########")
    def photo(self): return "data:image/jpeg;base64,/9j/" + self._blob(60)
    def photo64(self): return "/9j/" + self._blob(60)
    def photo_file(self): return f"{self.f.last_name()}_{self.f.first_name()}_face.jpg".lower().replace(" ", "_")

    # R
    def other(self): return self.f.bothify(self.r.choice(["########", "??-######", "S###-####", "#######"]), letters="ABCDEFGHJKLMNPR")
    def claim(self): return self.f.bothify(self.r.choice(["CLM########", "20########", "C##-######"]))
    def uuid(self): return self.f.uuid4()
    def login(self): return self.f.user_name()

    @staticmethod
    def _luhn(digits):
        total = 0
        for i, d in enumerate(map(int, reversed(digits))):
            total += d if i % 2 else sum(divmod(2 * d, 10))
        return str(-total % 10)


def has_shape(name, value, locale):
    """Whether a value, standing without any label, can be told from other text: by its form or by a check digit."""
    if name in ("phone", "fax"):
        separators = len(re.findall(r"(?<=[0-9)])[ .-]+(?=[(0-9])", value))
        return value.startswith("+") or value.startswith("001-") or separators >= 2
    if name == "ssn":
        # Nine digits and letters without a check digit are like any other; so is a NUSS of twelve digits.
        return not (locale == "es_ES" and len(value) == 12)
    if name == "plan":
        return bool(re.fullmatch(r"[A-Z][0-9]{9}|[0-9][A-Z][0-9A-Z]{2}-[0-9A-Z]{3}-[A-Z]{2}[0-9]{2}", value)) and (locale == "de_DE" or "-" in value)
    if name in ("dob", "service", "dob_iso"):
        # An ISO date, or one of today, looks like the stamp of a log.
        return not re.match(r"[0-9]{4}-", value)
    if name == "zip":
        return locale == "en_GB"
    if name in ("street", "address"):
        # A ship, a studio without a number, a French street without one.
        return bool(re.search(r"[0-9]", value.split(",")[0])) and not value.startswith("Studio") and not value.startswith("Flat")
    return name in ("email", "iban", "card", "vin", "udi", "nhs", "dob_word", "dni", "photo", "url", "ip", "ip6", "mac", "age")
