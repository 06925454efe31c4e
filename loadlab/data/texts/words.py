"""Vocabularies that LoadLab brings itself: the same in every locale. The k-th of skewed ones has weight 1 / k."""

from __future__ import annotations

# RFC 2606 reserves these: no mail that a seeded database sends by mistake reaches a person.
DOMAINS = ("example.com", "example.org", "example.net", "mail.example.com", "post.example.org")

_NOUNS = """Backpack Bench Blanket Blender Bookcase Boots Bottle Bowl Camera Candle Chair Charger Clock Coat Cup Desk
Drill Drone Earphones Fan Frame Glasses Gloves Grill Guitar Hammer Hat Headset Helmet Jacket Jeans Kettle Keyboard Knife
Ladder Lamp Laptop Mattress Microphone Mirror Monitor Mouse Notebook Oven Pan Pen Pillow Plate Printer Puzzle Radio Rug
Sandals Scarf Shelf Shirt Shoes Sofa Speaker Sweater Table Tent Toaster Towel Umbrella Vase Wallet Watch"""
_MATERIALS = """Aluminium Bamboo Canvas Ceramic Cork Cotton Glass Leather Linen Marble Oak Plastic Rubber Silk Steel
Wool"""
_ADJECTIVES = """Classic Compact Cosy Durable Elegant Ergonomic Essential Foldable Handmade Light Modern Portable
Practical Premium Quiet Rustic Slim Smart Soft Solid Sturdy Travel Versatile Vintage"""
_DEPARTMENTS = """Accounting|Customer Service|Design|Engineering|Facilities|Finance|Human Resources|IT|Legal|Logistics|
Marketing|Operations|Procurement|Product|Quality|Research|Sales|Security|Support|Training"""
_CATEGORIES = """Accessories|Art|Automotive|Baby|Beauty|Books|Business|Camping|Clothing|Computers|Design|Education|
Electronics|Finance|Food|Furniture|Games|Garden|Health|Hobbies|Home|Jewellery|Kitchen|Lighting|Marketing|Music|News|
Office|Outdoor|Pets|Photography|Science|Services|Shoes|Software|Sports|Technology|Tools|Toys|Travel"""
_TAGS = """archive backend beta billing bug design docs draft feature frontend help important internal legacy mobile
new performance popular question release review sale seasonal security spring summer test urgent vip winter"""
_ERRORS = """Connection refused|Connection reset by peer|Deadlock detected|Disk quota exceeded|File not found|
Internal server error|Invalid argument|Invalid credentials|Lock wait timeout exceeded|Name resolution failed|Not found|
Operation timed out|Out of memory|Permission denied|Rate limit exceeded|Request entity too large|Service unavailable|
Too many connections|Unexpected end of input|Upstream did not answer"""
_REASONS = """Changed by customer|Duplicate|Expired|No longer needed|Not available|Ordered by mistake|Other|
Policy violation|Requested by owner|Superseded|Test entry|Wrong address"""
_COLORS = """black #000000|white #ffffff|grey #808080|silver #c0c0c0|red #ff0000|maroon #800000|orange #ffa500|
brown #a52a2a|beige #f5f5dc|yellow #ffff00|gold #ffd700|olive #808000|lime #00ff00|green #008000|teal #008080|
cyan #00ffff|turquoise #40e0d0|blue #0000ff|navy #000080|indigo #4b0082|violet #ee82ee|purple #800080|magenta #ff00ff|
pink #ffc0cb|coral #ff7f50|salmon #fa8072|khaki #f0e68c|ivory #fffff0|lavender #e6e6fa|plum #dda0dd"""
_FILES = """pdf application/pdf|pdf application/pdf|jpg image/jpeg|jpg image/jpeg|png image/png|png image/png|
docx application/vnd.openxmlformats-officedocument.wordprocessingml.document|
xlsx application/vnd.openxmlformats-officedocument.spreadsheetml.sheet|txt text/plain|md text/markdown|csv text/csv|
json application/json|xml application/xml|zip application/zip|gif image/gif|svg image/svg+xml|webp image/webp|
mp4 video/mp4|mp3 audio/mpeg|html text/html"""
_STEMS = """agenda analysis backup banner brochure budget certificate chart checklist contract cover diagram draft
estimate export forecast form guide handbook image inventory invoice journal letter logo manual map memo minutes notes
offer order outline overview photo plan poster presentation price-list profile proposal protocol receipt record report
scan schedule screenshot sheet sketch slides statement summary survey template ticket timetable transcript worksheet"""
_LANGUAGES = """en English en-US|de German de-DE|fr French fr-FR|es Spanish es-ES|it Italian it-IT|pt Portuguese pt-BR|
nl Dutch nl-NL|pl Polish pl-PL|sv Swedish sv-SE|ja Japanese ja-JP|zh Chinese zh-CN|ko Korean ko-KR|tr Turkish tr-TR|
cs Czech cs-CZ|da Danish da-DK|fi Finnish fi-FI|nb Norwegian nb-NO|ru Russian ru-RU|uk Ukrainian uk-UA|
ar Arabic ar-EG"""


def _split(text: str) -> list[str]:
    separator = "|" if "|" in text else None
    return [word.strip() for word in text.replace("\n", "" if separator else " ").split(separator)]


def _parts(text: str, place: int) -> list[str]:
    return [entry.split(" ")[place] for entry in _split(text)]


def skewed(words: list[str]) -> list[str]:
    """Life cycles and enumerations are skewed: the k-th word stands 12 / k times."""
    return [word for k, word in enumerate(words, 1) for _ in range(max(1, round(12 / k)))]


def _skewed(text: str) -> list[str]:
    return skewed(_split(text))


WORDS: dict[str, list[str]] = {
    "domain": list(DOMAINS),
    "noun": _split(_NOUNS),
    "material": _split(_MATERIALS),
    "adjective": _split(_ADJECTIVES),
    "size": ["XS", "S", "M", "L", "XL", "XXL"],
    "department": _split(_DEPARTMENTS),
    "category": _split(_CATEGORIES),
    "tag": _split(_TAGS),
    "error_message": _split(_ERRORS),
    "reason": _split(_REASONS),
    "color": _parts(_COLORS, 0),
    "color_hex": _parts(_COLORS, 1),
    "extension": _parts(_FILES, 0),
    "mime_type": _parts(_FILES, 1),
    "file_stem": _split(_STEMS),
    "language": _parts(_LANGUAGES, 0),
    "language_name": _parts(_LANGUAGES, 1),
    "locale": _parts(_LANGUAGES, 2),
    "status": _skewed("active pending completed processing cancelled failed archived draft"),
    "state_word": _skewed("active ready running finished waiting failed paused"),
    "role": _skewed("member editor viewer admin owner guest"),
    "kind": _skewed("standard basic internal external premium custom temporary"),
    "event_type": _skewed("created updated viewed deleted started finished failed approved rejected exported"),
    "priority": _skewed("normal high low urgent"),
    "severity": _skewed("info warning error critical debug"),
    "visibility": _skewed("public private internal"),
    "environment": _skewed("production staging development test"),
    "platform": _skewed("web android ios windows macos linux"),
    "browser": _skewed("Chrome|Safari|Firefox|Edge|Opera"),
    "provider": _skewed("google github apple microsoft facebook saml"),
    "http_method": _skewed("GET POST PUT DELETE PATCH HEAD"),
    "payment_method": _skewed("card paypal bank_transfer invoice direct_debit cash"),
    "shipping_method": _skewed("standard express pickup overnight"),
    "channel": _skewed("web email mobile phone store partner"),
    "source": _skewed("web api import mobile partner manual"),
    "gender": _skewed("female male other"),
    "gender_letter": ["F", "M"],
    "salutation": _skewed("Ms|Mr|Dr|Prof."),
    "unit": _skewed("pcs kg m l h box pair set"),
    "license": _skewed("MIT|Apache-2.0|GPL-3.0|BSD-3-Clause|MPL-2.0|CC-BY-4.0"),
    "frequency": _skewed("monthly weekly daily yearly quarterly"),
    "weekday": _split("Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
    "month": _split("January February March April May June July August September October November December"),
    "continent": _split("Europe|Asia|North America|Africa|South America|Oceania"),
    "card_brand": _skewed("visa mastercard amex maestro"),
    "marital_status": _skewed("married single divorced widowed"),
    "algorithm": _skewed("sha256 ed25519 rsa aes-256-gcm sha512"),
    "icon": _skewed("star home user cart heart bell folder file gear lock"),
    "setting_value": _skewed("true false default auto none 10 30 60"),
    "setting_key": _split("theme locale page_size notifications timezone layout currency digest sidebar autosave"),
    "class_name": _skewed("User|Account|Order|Product|Project|Document|Comment|Invoice|Ticket|Message"),
    "flag_letter": _skewed("Y N"),
    "flag": _skewed("true false"),
    "data_type": _skewed("string integer boolean date decimal text"),
    "zone": _split("UTC CET EET WET EST MST"),
    "plan": _skewed("free basic pro business enterprise"),
}  # fmt: skip
