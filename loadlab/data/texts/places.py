"""Places whose parts agree: city, state, postcode, country, calling code, time zone, currency, coordinates.

A pool of a part is parallel to the pools of the others: the same index is the same place. Four places in five are in
the locale's own country.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from loadlab.data.core.cells import Cells
from loadlab.data.core.hashing import below, hash_rows, make_key, unit_interval

if TYPE_CHECKING:
    from faker import Faker

    from loadlab.data.frame import Frame

# Each place has so many postcodes, in blocks, so that the same hash finds the place and one of its postcodes.
POSTCODES = 32
_HOME_SHARE = 0.8
_LETTERS = "ABDEFGHJLNPQRSTUWXYZ"
# Calling code and currency of countries whose towns come from Faker.
_ABROAD = {
    "AR": ("+54", "ARS"), "BE": ("+32", "EUR"), "BG": ("+359", "BGN"), "CL": ("+56", "CLP"), "CN": ("+86", "CNY"),
    "CO": ("+57", "COP"), "CZ": ("+420", "CZK"), "DK": ("+45", "DKK"), "EE": ("+372", "EUR"), "EG": ("+20", "EGP"),
    "FI": ("+358", "EUR"), "HR": ("+385", "EUR"), "ID": ("+62", "IDR"), "IE": ("+353", "EUR"), "IL": ("+972", "ILS"),
    "IN": ("+91", "INR"), "KR": ("+82", "KRW"), "LT": ("+370", "EUR"), "MX": ("+52", "MXN"), "MY": ("+60", "MYR"),
    "NO": ("+47", "NOK"), "NZ": ("+64", "NZD"), "PH": ("+63", "PHP"), "PT": ("+351", "EUR"), "RO": ("+40", "RON"),
    "RS": ("+381", "RSD"), "RU": ("+7", "RUB"), "SA": ("+966", "SAR"), "SK": ("+421", "EUR"), "TH": ("+66", "THB"),
    "TR": ("+90", "TRY"), "TW": ("+886", "TWD"), "UA": ("+380", "UAH"), "VN": ("+84", "VND"), "ZA": ("+27", "ZAR"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """One town; `postcode` is a pattern (# a digit, ? a letter), `area` the calling code within the country."""

    city: str
    state: str
    state_code: str
    postcode: str
    area: str
    latitude: float
    longitude: float
    timezone: str
    country_code: str
    country_code3: str
    country: str
    dial: str
    currency: str

    def postcodes(self) -> list[str]:
        """Different ones as far as the pattern goes; always the same."""
        return [self._postcode(k) for k in range(POSTCODES)]

    def _postcode(self, k: int) -> str:
        digits = make_key(self.city, self.postcode, k)
        text = ""
        for mark in self.postcode:
            digits, here = (digits // 20, digits % 20) if mark in "#?" else (digits, 0)
            text += str(here % 10) if mark == "#" else _LETTERS[here] if mark == "?" else mark
        return text


PARTS = (
    "city", "state", "state_code", "postcode", "area", "timezone", "country_code", "country_code3", "country", "dial",
    "currency",
)  # fmt: skip


def part(places: tuple[Place, ...], name: str) -> list[str]:
    """One part of every place; postcodes come in blocks of POSTCODES a place."""
    if name == "postcode":
        return [postcode for place in places for postcode in place.postcodes()]
    return [str(getattr(place, name)) for place in places]


@dataclass(frozen=True, slots=True)
class PlaceNumbers:
    """Latitude or longitude of the row's place and a little beside it; the same key as the row's city has.

    Degrees as float64, or with a `scale` as whole numbers of 10**-scale degrees, as cells of a numeric are.
    """

    key: int
    locale: str
    field: Literal["latitude", "longitude"]
    scale: int | None = None

    @property
    def pools(self) -> tuple[str, ...]:
        return ("city",)

    def make(self, frame: Frame) -> Cells:
        centres = _coordinates(self.locale, self.field)
        bits = hash_rows(self.key, frame.rows)
        # Upper bits find the place, as they do for its name; within 0.05 degrees (some 5 km) of it by others.
        beside = unit_interval(hash_rows(make_key(self.key, self.field), frame.rows)) * 0.1 - 0.05
        degrees = centres[below(bits, len(centres))] + beside
        if self.scale is None:
            return Cells(degrees)
        return Cells(np.floor(degrees * 10.0**self.scale).astype(np.int64))


@cache
def _coordinates(locale: str, field: str) -> npt.NDArray[np.float64]:
    return np.array([getattr(place, field) for place in places_of(locale)])


@cache
def places_of(locale: str) -> tuple[Place, ...]:
    """The places of a locale, those of its country as often as makes four in five."""
    language, _, country = locale.partition("_")
    countries = {row["code"]: row for row in _rows("countries.csv")}
    found = [_place(row, countries[row["country"]], language) for row in _rows("places.csv")]
    home = tuple(place for place in found if place.country_code == country) or _elsewhere(locale, country)
    abroad = tuple(place for place in found if place.country_code != country)
    times = max(1, round(_HOME_SHARE / (1 - _HOME_SHARE) * len(abroad) / max(len(home), 1)))
    return home * times + abroad


def _rows(name: str) -> list[dict[str, str]]:
    text = (resources.files("loadlab.data.texts") / "vocabulary" / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _place(row: dict[str, str], country: dict[str, str], language: str) -> Place:
    return Place(
        city=row["city"],
        state=row["state"],
        state_code=row["state_code"],
        postcode=row["postcode"],
        area=row["area"],
        latitude=float(row["latitude"]),
        longitude=float(row["longitude"]),
        timezone=row["timezone"],
        country_code=country["code"],
        country_code3=country["alpha3"],
        country=country.get(language) or country["en"],
        dial="+" + country["dial"],
        currency=country["currency"],
    )


def _elsewhere(locale: str, country: str) -> tuple[Place, ...]:
    """Towns of a country that is not in the list, from what Faker knows of it."""
    from faker import Faker
    from faker.providers.date_time import Provider as Dates
    from faker.providers.geo import Provider as Geography

    known = next((entry for entry in Dates.countries if entry.alpha_2_code == country), None)
    dial, currency = _ABROAD.get(country, ("+999", "USD"))
    faker = Faker(locale)
    faker.seed_instance(1)
    rows = [row for row in Geography.land_coords if row[3] == country]
    return tuple(
        Place(
            city=town,
            state=_said(faker, "administrative_unit", town),
            state_code=country,
            postcode=_said(faker, "postcode", "#####"),
            area=str(20 + k),
            latitude=float(latitude),
            longitude=float(longitude),
            timezone=timezone,
            country_code=country,
            country_code3=country if known is None else known.alpha_3_code,
            country=country if known is None else known.name,
            dial=dial,
            currency=currency,
        )
        for k, (latitude, longitude, town, _, timezone) in enumerate(rows)
    )


def _said(faker: Faker, method: str, otherwise: str) -> str:
    try:
        return str(getattr(faker, method)())
    except AttributeError:
        return otherwise
