"""Secrets in plain text, rows of other tenants in reach, changes that leave no trace."""

from __future__ import annotations

import re
from collections import Counter

from loadlab.schema.meaning import meaning_of, words_of
from loadlab.schema.model import Column, Table
from loadlab.validate.review import sources
from loadlab.validate.review.model import Examined, Finding, ReviewFacts, Rule, Severity, skipped
from loadlab.validate.review.touching import share_of
from loadlab.validate.review.words import columns_of, listed, referencing
from loadlab.validate.wording import counted

_SAFE = re.compile(
    r"hash|digest|crypt|salt|cipher|sealed|masked|redacted|bcrypt|argon|scrypt|pbkdf|vault|secret (arn|ref|name|id)|"
    r"\b(type|kind|hint|count|length|limit|policy|status|scheme|format|prefix|suffix|last ?4|url|uri|path|file|"
    r"name|public)\b"
)
_PASSWORD = re.compile(r"\b(password|passwd|passphrase|passwort|pwd|pin code)$|^pin$")
_CARD = re.compile(
    r"\b(card|cc|credit card|debit card) ?(number|no|num)$|^pan$|\b(cvv2?|cvc2?|cid code|card security code)$"
)
_NATIONAL = re.compile(
    r"\b(ssn|social security ?(number|no)?|national (id|identity|insurance)( ?(number|no))?|passport ?(number|"
    r"no|num)|sin number|nino)$"
)
_TOKEN = re.compile(
    r"\b(access|refresh|api|auth|bearer|session|reset|secret|oauth|id|login|remember|verification|private|client) ?"
    r"(token|key|secret)s?$|\b(secret|apikey|api ?secret|private ?key|client ?secret|token)$"
)
# Tokens that tell where to go on, or whom to notify: they let nobody in.
_HARMLESS = re.compile(
    r"\b(device|push|fcm|apns|page|next|cursor|sync|continuation|csrf|idempotency|registration|lexical|stop|price)\b"
)
# Lengths that are made for a digest: bcrypt's 60, hexadecimal SHA-256 and SHA-512, Django's password field (128).
_DIGEST_LENGTHS = {40, 60, 64, 97, 128}
_COMMENTED = re.compile(r"hash|encrypt|digest|bcrypt|argon|scrypt|tokeni[sz]ed|ciphertext", re.IGNORECASE)

# The words for whom rows belong to, and in how many tables they have to stand for that to be so.
# An account may be a firm's or a person's: the word tells nothing.
_TENANT = re.compile(r"^(tenant|organi[sz]ation|org|workspace|company) (id|uuid)$")
_TENANT_TABLES = re.compile(r"^(tenants?|organi[sz]ations?|orgs?|workspaces?|compan(y|ies))$")
TENANT_TABLES_MIN = 3
TENANT_SHARE_MIN = 0.5

_CRITICAL = re.compile(
    r"\b(payments?|refunds?|payouts?|ledger|journal|transactions?|transfers?|invoices?|withdrawals?|deposits?|"
    r"salar(y|ies)|payroll|bank accounts?|credit notes?)\b"
)
_RIGHTS = re.compile(r"\b(permissions?|grants?|roles?|role assignments?)\b")
# Lists of what there is, and the parts of what is critical itself.
_CATALOGUE = re.compile(
    r"\b(types?|methods?|status(es)?|categor(y|ies)|templates?|providers?|definitions?|lines?|items?|details?)$"
)
_TRAIL = re.compile(
    r"\b(audit|auditing|audits|history|changelog|change log|admin log|activity log|event log|revisions?|versions)\b"
)
_ENTRY = re.compile(r"\b(entry|entries|transactions?|transfers?|journal|ledger|postings?|movements?)\b")
_ACTOR = re.compile(r"\b(created|updated|changed|modified|granted|approved|authori[sz]ed|performed|recorded) by\b")


def _plain_text(facts: ReviewFacts) -> Examined:
    texts = columns_of(facts.schema, "text")
    found = []
    for table, column in texts:
        kind = _secret(table, column)
        if kind is not None:
            found.append(_exposed(facts, table, column, *kind))
    return Examined(len(texts), "columns of text", tuple(found))


def _secret(table: Table, column: Column) -> tuple[str, Severity] | None:
    words = words_of(column.name)
    if _SAFE.search(words) or _COMMENTED.search(column.comment or "") or column.generated is not None:
        return None
    checks = " ".join(
        check.expression for check in table.checks if re.search(rf"\b{re.escape(column.name)}\b", check.expression)
    )
    if re.search(r"length|\^\\?\$", checks) and _PASSWORD.search(words):
        return None  # A CHECK that asks for the form of a hash.
    if _CARD.search(words):
        return "a card's number or code", Severity.ERROR
    if _PASSWORD.search(words):
        return None if column.type.length in _DIGEST_LENGTHS else ("a password", Severity.ERROR)
    if _NATIONAL.search(words):
        return "a number that identifies a person", Severity.WARNING
    if _TOKEN.search(words) and not _HARMLESS.search(words) and column.type.length not in _DIGEST_LENGTHS:
        return "a secret that lets its bearer in", Severity.WARNING
    return None


def _exposed(facts: ReviewFacts, table: Table, column: Column, kind: str, severity: Severity) -> Finding:
    is_password = kind == "a password"
    return Finding(
        rule="sensitive-plain-text",
        severity=severity,
        subject=f"{table.key}.{column.name}",
        what=f"{table.key}.{column.name} looks like {kind} in plain text.",
        evidence=(
            f"{column.name} {column.type.native}; neither name, comment nor CHECK says that it is hashed or encrypted",
        ),
        why="Whoever sees a backup, a replica, a log or the result of an injected query has it.",
        remedy="Store a salted hash (Argon2, bcrypt), and say so in the name: password_hash."
        if is_password
        else "Store a hash where it is only compared, else what the application or a vault has encrypted, and say so in"
        " the name (…_hash, …_encrypted); of cards keep the provider's token and the last four digits.",
        load_share=share_of(facts, table),
    )


def _row_security(facts: ReviewFacts) -> Examined:
    objects = "tables with a tenant's column"
    if facts.details is None:
        return skipped(objects, facts.why_missing("details"))
    if "row security" not in facts.details.features:
        return skipped(objects, "the engine has no row-level security")
    found = _tenants(facts)
    if not found:
        return skipped(objects, "no column divides the tables among tenants")
    bare = [(table, name) for table, name in found if not facts.details.tables[table.key].has_row_security]
    if not bare:
        return Examined(len(found), objects)
    groups = {"schema": bare} if len(bare) == len(found) else {table.key: [(table, name)] for table, name in bare}
    hidden = len(found) - len(bare)
    findings = [_in_reach(facts, subject, places, hidden, len(found)) for subject, places in groups.items()]
    return Examined(len(found), objects, tuple(findings))


def _tenants(facts: ReviewFacts) -> list[tuple[Table, str]]:
    """The tables whose rows belong to tenants, each with the column that says to whom."""
    marked = [
        (table, column.name)
        for table in facts.schema
        for column in table.columns
        if _TENANT.match(words_of(column.name)) and facts.details is not None and table.key in facts.details.tables
    ]
    names = Counter(name for _, name in marked)
    if not names:
        return []
    # Of several such words the one that is in most tables; a word that few tables have is a plain reference.
    (best, number), *_ = names.most_common(1)
    is_said = words_of(best).startswith("tenant")
    tables = len(facts.schema.tables)
    if not is_said and (number < TENANT_TABLES_MIN or number < TENANT_SHARE_MIN * (tables - 1)):
        return []
    if not is_said and not any(_TENANT_TABLES.match(words_of(table.name)) for table in facts.schema):
        return []
    return [(table, name) for table, name in marked if name == best]


def _in_reach(facts: ReviewFacts, subject: str, places: list[tuple[Table, str]], hidden: int, of: int) -> Finding:
    names = [table.key for table, _ in places]
    sql: list[str] = []
    for table, column in places:
        sql += facts.remedies.hide_rows(table, column) if facts.remedies else ()
    others = f"{hidden} of {of} tables with {places[0][1]} have it" if hidden else "no table has it"
    return Finding(
        rule="no-row-security",
        severity=Severity.WARNING,
        subject=subject,
        what=f"No row-level security on {counted(len(places), 'table')} of several tenants: {listed(names)}.",
        evidence=(f"{places[0][1]} says whose the rows are", others),
        why="One forgotten condition in one query shows the rows of every tenant.",
        remedy="Let the server add the condition: a policy that compares the column with a setting of the session."
        " Owners and superusers pass it, so the application needs a role of its own.",
        sql=tuple(sql),
        load_share=share_of(facts, *(table for table, _ in places)),
    )


def _audit(facts: ReviewFacts) -> Examined:
    critical = [table for table in facts.schema if _is_critical(table)]
    trails = [table for table in facts.schema if _TRAIL.search(words_of(table.name))]
    bare = [table for table in critical if not trails and not _leaves_trace(table)]
    return Examined(len(critical), "critical tables", tuple(_untraced(facts, table) for table in bare))


def _is_critical(table: Table) -> bool:
    """Whether its rows are money or rights: not a list of the rights that there are, but of who has which."""
    words = words_of(table.name)
    if _CATALOGUE.search(words) or _TRAIL.search(words):
        return False
    return _CRITICAL.search(words) is not None or (_RIGHTS.search(words) is not None and _is_link(table))


def _is_link(table: Table) -> bool:
    """Whether a row says no more than that two things belong together: it is written and deleted, never changed."""
    keys = referencing(table) | set(table.primary_key)
    others = [column for column in table.columns if column.name not in keys and column.type.kind != "timestamp"]
    return len(table.foreign_keys) > 1 and not others


def _leaves_trace(table: Table) -> bool:
    meanings = {meaning_of(table, column) for column in table.columns if column.type.kind in ("timestamp", "date")}
    is_entry = _ENTRY.search(words_of(table.name)) is not None or _is_link(table)
    has_actor = any(_ACTOR.search(words_of(name)) for name in table.column_names)
    writes_elsewhere = any(target != table.key for trigger in table.triggers for target in trigger.writes)
    return "updated" in meanings or ("created" in meanings and (is_entry or has_actor)) or writes_elsewhere


def _untraced(facts: ReviewFacts, table: Table) -> Finding:
    moment = "created_at" if _is_link(table) else "updated_at"
    return Finding(
        rule="no-audit",
        severity=Severity.WARNING,
        subject=table.key,
        what=f"Changes of {table.key} leave no trace.",
        evidence=(
            "no column says when a row was changed, no trigger writes elsewhere, and the schema has no audit table",
        ),
        why="Who changed an amount or a right, and when, cannot be answered afterwards: neither to a customer nor to an"
        " auditor.",
        remedy="At least the moment of the last change; better an append-only audit table that a trigger writes.",
        sql=facts.remedies.add_moment(table, moment) if facts.remedies else (),
        load_share=share_of(facts, table),
    )


SECURITY_RULES = (
    Rule(
        "sensitive-plain-text",
        "schema",
        "Passwords, cards, tokens and national identifiers in plain text",
        "Backups, replicas and logs show them. Read from the name; a name, a comment or a CHECK that says hash or"
        " encrypted settles it, as does a length that is made for a digest.",
        "Checklist “No sensitive data in plain text”; OWASP Password Storage Cheat Sheet; PCI DSS 4.0, 3.3 and 3.5",
        _plain_text,
    ),
    Rule(
        "no-row-security",
        "schema",
        "Tables of several tenants without row-level security",
        "One forgotten condition shows everybody's rows. Tenants are there where `tenant_id` is, or where"
        f" organization_id, workspace_id or the like is in at least {TENANT_TABLES_MIN} tables and"
        f" {TENANT_SHARE_MIN:.0%} of them.",
        f"Checklist “Row-Level Security if multi-tenant”; {sources.ROW_SECURITY}",
        _row_security,
    ),
    Rule(
        "no-audit",
        "schema",
        "Critical tables whose changes leave no trace",
        "Payments, ledgers, permissions and the like: neither a moment of the last change, nor a trigger that writes it"
        " elsewhere, nor an audit table in the schema.",
        "Checklist “Audit trail for critical data”, “Audit logging designed”",
        _audit,
    ),
)
