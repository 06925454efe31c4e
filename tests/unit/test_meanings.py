"""What columns of real applications mean, by name, table, type, length, neighbours and comment."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from loadlab.data.values.recipes import TEXT_MEANINGS
from loadlab.schema.meaning import meaning_of, words_of
from loadlab.schema.model import Column, LogicalType, Table

# table.column [type] → meaning; the type is text where nothing is said, c(n) is char(n), v(n) varchar(n).
MEANINGS = """
users.email email | users.email_address email | customers.EMail email | subscribers.mail email
accounts.billingEmail email | ci_builds.user_email email | users.email_verified_token token
users.encrypted_password bcrypt_hash | users.password_digest bcrypt_hash | users.passwordHash password_hash
users.password password_hash | wp_users.user_pass password_hash | users.pwd password_hash
users.password_salt salt | users.reset_password_token token | users.confirmation_token token
oauth.refresh_token token | oauth.client_secret token | webhooks.secret token | sessions.jwt jwt
apps.api_key api_key | files.md5 md5 | uploads.sha256 sha256 | files.sha512 sha512 | objects.etag etag
commits.sha git_ref | builds.commit_sha git_ref | merges.base_sha git_ref | deployments.revision git_ref
uploads.checksum token | keys.fingerprint token | blocks.tx_hash transaction_hash
users.uuid uuid | projects.guid uuid | people.external_uuid uuid
things.id v(36) uuid | orders.customer_id v(36) uuid | events.id c(26) ulid | jobs.ulid ulid
persons.first_name first_name | customers.firstName first_name | staff.fname first_name | people.given_name first_name
users.last_name last_name | customers.lastname last_name | persons.surname last_name | staff.lname last_name
persons.middle_name middle_name | customers.mi c(1) letter | persons.initials initials
subscribers.name full_name | leads.name full_name | tickets.resolved_by username | apps.installedBy username
repos.default_branch slug | jobs.queue_name word | deployments.runtime word | runs.attempt_number integer level
users.full_name full_name | customers.ContactName full_name | posts.author full_name | users.name full_name
Employee.Name full_name | orders.customer_name full_name | users.display_name full_name
commits.author_name full_name
users.username username | users.user_name username | users.login username | users.nickname username
posts.created_by username | profiles.twitter_handle username | tasks.assignee_ username | accounts.github username
customers.salutation salutation | employees.TitleOfCourtesy salutation | persons.gender gender
employees.sex c(1) gender
employees.job_title job | customers.ContactTitle job | persons.occupation job | employees.title job
users.phone phone | customers.Phone phone | stores.tel phone | contacts.mobile phone | persons.fax phone
contacts.phone2 phone | persons.cell_phone phone | offices.phone_number phone | contacts.phone_ext phone_extension
visits.user_agent user_agent | visits.ua user_agent | visits.ip ip | users.current_sign_in_ip ip
users.last_ip_address ip | logs.remote_addr ip | hosts.ipv6_address ipv6 | devices.mac_address mac | nics.mac mac
customers.postal_code postcode | addresses.zip postcode | persons.zipcode postcode | addresses.postcode postcode
addresses.city city | customers.Town city | orders.ship_city city | orders.ShipCity city | customers.billing_city city
customers.country country | orders.ShipCountry country | users.nationality country | users.country_code country_code
country.iso2 country_code | country.iso3 country_code3 | countries.code country_code | countries.name country
addresses.state_code state_code | addresses.province state | customers.shipping_state state | addresses.county state
users.time_zone timezone | users.tz timezone | places.continent continent | currencies.code currency
customers.address street_address | customers.address1 street_address | customers.addr1 street_address
orders.ship_address street_address | customers.address_line_2 address_extra | customers.street2 address_extra
customers.addr2 address_extra | addresses.street_name street | addresses.house_number house_number
places.formatted_address full_address | customers.company company | suppliers.CompanyName company
vendors.name company | shops.name company | employees.department department | emp.dept department
invoices.vat_id vat_id | companies.tax_number vat_id | persons.ssn national_id | accounts.iban iban | banks.bic bic
books.isbn isbn | products.ean13 ean | products.barcode ean | products.gtin ean | products.sku sku | articles.doi doi
vehicles.license_plate license_plate | cars.plate_number license_plate | cards.last4 card_last4
payments.card_number card_number | payments.card_brand card_brand | payments.payment_method payment_method
orders.currency currency | prices.currency_code currency | orders.amount_currency currency
jobs.concurrency_key reference
users.locale locale | books.language language | users.lang language | languages.name language_name
products.color color | labels.hex_color color_hex | products.colour color | themes.background_color color_hex
attachments.content_type mime_type | uploads.mime mime_type | photos.file_content_type mime_type
attachments.file_name file_name | uploads.filename file_name | photos.image_file_name file_name | files.name file_name
uploads.file_path file_path | blobs.path file_path | files.ext extension | uploads.file_extension extension
users.avatar_url image_url | products.image image_url | users.photo image_url | articles.thumbnail image_url
users.website url | links.url url | pages.href url | hooks.target_url url | apps.redirect_uri url | nav.icon icon
posts.slug slug | servers.hostname hostname | sites.domain domain | sites.subdomain domain
apps.version version | devices.firmware_version version | jobs.cron cron | schedules.cron_expression cron
posts.body_markdown markdown | projects.readme markdown | hooks.payload json_text | users.settings json_text
logs.params json_text | feeds.xml xml | reports.sql query_text | tasks.command command
jobs.error_message error_message | jobs.last_error error_message | bans.reason reason | refunds.cancel_reason reason
events.event_type event_type | audits.action event_type | audits.auditable_type class_name
versions.item_type class_name
requests.http_method http_method | orders.shipping_method shipping_method | orders.status status
tickets.priority priority | logs.severity severity | projects.visibility visibility | members.role role
deployments.environment environment | devices.platform platform | identities.provider provider | leads.source source
plans.frequency frequency | products.unit unit | opening.weekday weekday | repos.license license
settings.key setting_key | settings.value setting_value | options.option_name setting_key | products.size size
posts.tags tag | posts.tag tag | products.category category | categories.name category | products.name product_name
posts.title title | mails.subject title | posts.body paragraph | products.description paragraph
orders.notes paragraph
products.desc paragraph | chats.msg paragraph | users.bio paragraph | issues.summary paragraph
issues.comment paragraph
orders.reference reference | invoices.number reference | orders.external_id reference | parts.serial_no reference
accounts.is_active flag | c_order.isactive c(1) flag | things.name phrase | events.name phrase
import.birth_date date_text | import.created_at moment_text | books.year year_text | import.quantity number_text
import.price amount_text | commits.id c(40) sha1 | files.digest_of c(64) sha256 | rows.x c(36) uuid
rows.y c(1) letter
users.score integer rating | items.qty integer quantity | items.unit_price numeric money
orders.tax numeric small_money
items.amt numeric money | stats.success_rate numeric rate | plans.discount_percent numeric percent
staff.hourly_rate numeric money | rooms.nightly_rate numeric money | trips.fare numeric money
places.lat float latitude | places.lng float longitude | places.longitude numeric longitude
films.release_year integer year
hosts.port integer port | users.age integer age | posts.views_count integer count | trees.depth integer level
items.position integer ordinal | files.file_size integer bytes | requests.duration_ms integer duration
products.weight numeric measure | stock.on_hand integer stock | requests.status_code integer http_status
posts.created_at timestamp created | posts.updatedAt timestamp updated | posts.deleted_at timestamp deleted
persons.dob date birth_date | coupons.expires_at timestamp expires | orders.order_date date created
appointments.starts_at timestamp appointment | bookings.date date appointment
meetings.ends_at timestamp appointment_end | visits.scheduled_for timestamp appointment
stays.check_in date appointment | stays.check_out date appointment_end
people.born_on date birth_date | people.dob date birth_date | tasks.ends_at timestamp expires
users.preferences json settings_document | users.profile json profile_document
orders.shipping_address json address_document
"""
CASES = [
    (table, column, type_ or "text", meaning)
    for line in MEANINGS.strip().splitlines()
    for table, column, type_, meaning in re.findall(r"(\w+)\.(\w+)(?: (\S+))? (\w+)(?: \||$)", line)
]


def column_of(name: str, type_: str, comment: str | None = None) -> Column:
    size = re.fullmatch(r"([cv])\((\d+)\)", type_)
    if size:
        native = ("char" if size[1] == "c" else "varchar") + f"({size[2]})"
        return Column(name, LogicalType("text", native, length=int(size[2])), comment=comment)
    return Column(name, LogicalType(type_, type_), comment=comment)  # type: ignore[arg-type]


def test_the_table_is_read_whole() -> None:
    assert len(CASES) >= 230
    assert len(CASES) == MEANINGS.count("|") + len(MEANINGS.strip().splitlines())


@pytest.mark.parametrize(
    "table, column, type_, meaning", CASES, ids=[f"{table}.{column}-{type_}" for table, column, type_, _ in CASES]
)
def test_meaning(table: str, column: str, type_: str, meaning: str) -> None:
    target = column_of(column, type_)
    assert meaning_of(Table(table, (target,)), target) == meaning


def test_every_meaning_of_a_text_can_be_made() -> None:
    assert {meaning for _, _, type_, meaning in CASES if type_ in ("text",) or "(" in type_} <= TEXT_MEANINGS


def test_a_state_is_a_place_beside_an_address_only() -> None:
    state, city = column_of("state", "text"), column_of("city", "text")
    assert meaning_of(Table("a", (state, city)), state) == "state"
    assert meaning_of(Table("a", (state,)), state) == "state_word"


@pytest.mark.parametrize(
    "comment, meaning",
    [
        ("E-mail address of the person", "email"),
        ("ISO country code of the seller", "country_code"),
        ("Where it goes: city", "city"),
        ("first name", "first_name"),
        ("the thing that nobody understands", ""),
        (None, ""),
    ],
)
def test_a_comment_speaks_where_the_name_is_silent(comment: str | None, meaning: str) -> None:
    target = column_of("x17", "text", comment)
    assert meaning_of(Table("a", (target,)), target) == meaning
    named = replace(target, name="phone")
    assert meaning_of(Table("a", (named,)), named) == "phone"


@pytest.mark.parametrize(
    "name, words",
    [
        ("billingAddress1", "billing address 1"),
        ("BILLING_ADDRESS", "billing address"),
        ("HTTPMethod", "http method"),
        ("name_", "name"),
        ("sha256", "sha 256"),
        ("Postal Code", "postal code"),
    ],
)
def test_names_are_read_as_words(name: str, words: str) -> None:
    assert words_of(name) == words


def test_the_page_lists_every_meaning_and_term() -> None:
    from pathlib import Path

    from loadlab.data.texts.texts import TERM_SHARES

    page = (Path(__file__).resolve().parents[2] / "docs/data.md").read_text(encoding="utf-8")
    assert TEXT_MEANINGS - set(re.findall(r"`(\w+)`", page)) == set()
    shares = dict(re.findall(r"^\| `(\w+)` \| ([\d.]+) % \|$", page, re.MULTILINE))
    assert {word: float(share) / 100 for word, share in shares.items()} == pytest.approx(TERM_SHARES)
