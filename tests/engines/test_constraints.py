"""Constraints that only a whole plan can keep, one small schema for each: what is planned is what the server takes.

All of them are seeded on one server. A case says what must then be true beside the constraints themselves: a query
whose result is known by other means, or the note that tells why there are fewer rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
import pytest

from loadlab.data.dataset import Dataset
from loadlab.data.growth import grown
from loadlab.data.volumes import DataRequest
from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.errors import InputError
from loadlab.spec.shapes import DataShape
from tests.seeded import check_everything, fill, plan

USERS = "CREATE TABLE users (id int PRIMARY KEY, name text);"
UUID_USERS = "CREATE TABLE users (id uuid PRIMARY KEY, name text);"
TENANTS = """
    CREATE TABLE tenants (id int PRIMARY KEY);
    CREATE TABLE users (tenant_id int NOT NULL REFERENCES tenants, id int, PRIMARY KEY (tenant_id, id));"""
FRIENDS = "user_a int NOT NULL REFERENCES users, user_b int NOT NULL REFERENCES users"
UUID_FRIENDS = FRIENDS.replace(" int ", " uuid ")
TENANT_CARDS = """
    CREATE TABLE tenants (id int PRIMARY KEY);
    CREATE TABLE cards (id int PRIMARY KEY, tenant_id int NOT NULL REFERENCES tenants);
    CREATE TABLE others (id int PRIMARY KEY, tenant_id int NOT NULL REFERENCES tenants);"""
OF_TENANT = """tenant_id int NOT NULL, user_a int NOT NULL, user_b int NOT NULL,
    FOREIGN KEY (tenant_id, user_a) REFERENCES users, FOREIGN KEY (tenant_id, user_b) REFERENCES users"""


@dataclass(frozen=True)
class Case:
    """`query` gives `result` once the schema is seeded; `note` is the end of a note of the plan."""

    ddl: str
    query: str = ""
    result: object = None
    note: str = ""
    rows: int = 60


CASES = {
    "a choice that partitions narrow": Case(
        """CREATE TABLE t (part int NOT NULL, kind text NOT NULL,
               CHECK (kind = 'a' AND part BETWEEN 1 AND 10 OR kind = 'b' AND part > 5000)) PARTITION BY RANGE (part);
           CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (5) TO (100)""",
        "SELECT min(kind) || max(kind) FROM t", "aa",
    ),
    "a strict bound beside a comparison with the same value": Case(
        """CREATE TABLE t (attempt int NOT NULL, most int NOT NULL, CHECK (attempt >= 0 AND attempt <= most),
               CHECK (most > 0))""",
        "SELECT min(most) > 0 FROM t", True,
    ),
    "bytes of a length, each once": Case(
        "CREATE TABLE t (digest bytea NOT NULL UNIQUE CHECK (octet_length(digest) = 32))",
        "SELECT count(DISTINCT digest) FROM t WHERE substr(digest, 25) <> '\\x0000000000000000'", 60,
    ),
    "ranges whose ends are moments of the row, one within the other": Case(
        """CREATE TABLE facts (id int PRIMARY KEY, issued timestamptz NOT NULL, used timestamptz, ended timestamptz,
               active tstzrange NOT NULL, valid tstzrange NOT NULL, CHECK (used <= ended),
               CHECK (lower(active) = issued), CHECK (upper(active) = used), CHECK (lower(valid) = issued),
               CHECK (upper(valid) = ended), CHECK (active <@ valid));
           CREATE TABLE parts (id int PRIMARY KEY, whole int4range, part int4range, n int NOT NULL, few text[],
               many text[], CHECK (part <@ whole), CHECK (whole @> n), CHECK (many @> few));
           CREATE TABLE stays (id int PRIMARY KEY, during tstzrange NOT NULL, starts timestamptz NOT NULL,
               EXCLUDE USING gist (during WITH &&), CHECK (lower(during) = starts))""",
        """SELECT count(*) FILTER (WHERE NOT isempty(active) AND coalesce(upper(active), ended) IS NOT DISTINCT FROM
               coalesce(used, ended) AND NOT isempty(valid)) FROM facts""", 60,
    ),
    "ranges of a width, open ones, and such as end with a moment": Case(
        """CREATE EXTENSION IF NOT EXISTS btree_gist;
           CREATE TABLE visits (id int PRIMARY KEY, host int NOT NULL, during tstzrange NOT NULL,
               CHECK (NOT isempty(during) AND lower_inc(during) AND NOT upper_inc(during)),
               CHECK (upper(during) - lower(during) >= interval '3 hours'), EXCLUDE USING gist (during WITH &&));
           CREATE TABLE loose (id int PRIMARY KEY, n int4range CHECK (upper(n) - lower(n) BETWEEN 3 AND 5),
               m numrange CHECK (upper(m) - lower(m) < 0.5), d daterange CHECK (upper(d) - lower(d) = 7));
           CREATE TABLE versions (id int PRIMARY KEY, period tstzrange NOT NULL CHECK (upper_inf(period)),
               valid daterange NOT NULL, reason text, CHECK (upper_inf(valid) OR reason IS NOT NULL));
           CREATE TABLE closed (id int PRIMARY KEY, valid tstzrange NOT NULL, closed_at timestamptz,
               CHECK (closed_at IS NOT DISTINCT FROM upper(valid)))""",
        "SELECT count(DISTINCT upper(during) - lower(during)) FROM visits", 1,
    ),
    "paths that begin with their owner, and what is left of a number": Case(
        UUID_USERS + """CREATE TABLE files (id int PRIMARY KEY, owner_id uuid NOT NULL REFERENCES users,
               path text NOT NULL CHECK (split_part(path, '/', 1) = owner_id::text),
               name text UNIQUE CHECK (name LIKE owner_id::text || '/%'),
               place text NOT NULL CHECK (place ~ '^[0-9a-f-]{36}/[a-z]+/[0-9]+\\.png$'
                                          AND starts_with(place, owner_id::text || '/')),
               phone text CHECK (regexp_replace(phone, '[^0-9]', '', 'g') ~ '^[0-9]{10,15}$'),
               title text NOT NULL CHECK (regexp_replace(title, '\\s', '', 'g') <> ''))""",
        "SELECT count(*) FROM files WHERE path LIKE owner_id || '/%'", 60,
    ),
    "users of two foreign keys in the scope that a CHECK makes equal": Case(
        """CREATE TABLE scopes (id text PRIMARY KEY);
           CREATE TABLE users (id text PRIMARY KEY, scope_id text NOT NULL REFERENCES scopes, UNIQUE (scope_id, id));
           CREATE TABLE methods (id text PRIMARY KEY, scope_id text NOT NULL REFERENCES scopes, UNIQUE (scope_id, id));
           CREATE TABLE accounts (id text PRIMARY KEY, method_id text NOT NULL, scope_id text NOT NULL, user_id text,
               user_scope_id text, FOREIGN KEY (scope_id, method_id) REFERENCES methods (scope_id, id),
               FOREIGN KEY (user_scope_id, user_id) REFERENCES users (scope_id, id),
               CHECK (user_id IS NULL AND user_scope_id IS NULL
                      OR user_id IS NOT NULL AND user_scope_id = scope_id))""",
        "SELECT count(user_id) > 20 AND count(*) = 60 FROM accounts", True,
    ),
    "the same parent twice": Case(
        UUID_USERS + """CREATE TABLE t (id int PRIMARY KEY, mine uuid NOT NULL REFERENCES users,
               theirs uuid REFERENCES users, CHECK (mine = theirs))""",
        "SELECT count(theirs) > 30 FROM t", True,
    ),
    "columns of one foreign key that are compared": Case(
        """CREATE TABLE spans (a int, b int, PRIMARY KEY (a, b));
           CREATE TABLE t (id int NOT NULL, a int NOT NULL, b int NOT NULL, c date, FOREIGN KEY (a, b) REFERENCES spans,
               CHECK (a < b)) PARTITION BY RANGE (a);
           CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (100000);
           CREATE TABLE u (id int PRIMARY KEY, a int, b int, FOREIGN KEY (a, b) REFERENCES spans, CHECK (a < b))""",
        "SELECT count(*) FROM t", 60,
    ),
    "two tables of a tenant that must name each other": Case(
        """CREATE TABLE tenants (id int PRIMARY KEY);
           CREATE TABLE users (tenant_id int NOT NULL REFERENCES tenants, id int, home_id int NOT NULL,
               PRIMARY KEY (tenant_id, id));
           CREATE TABLE projects (tenant_id int NOT NULL REFERENCES tenants, id int, owner_id int NOT NULL,
               PRIMARY KEY (tenant_id, id), FOREIGN KEY (tenant_id, owner_id) REFERENCES users DEFERRABLE);
           ALTER TABLE users ADD FOREIGN KEY (tenant_id, home_id) REFERENCES projects DEFERRABLE;""",
        "SELECT count(*) FROM users", 60,
    ),
    "a table that others inherit from and that has no rows": Case(
        """CREATE TABLE things (id int PRIMARY KEY, CONSTRAINT abstract CHECK (false) NO INHERIT);
           CREATE TABLE houses (id int PRIMARY KEY, name text) INHERITS (things);
           CREATE TABLE doors (id int PRIMARY KEY, thing_id int REFERENCES things)""",
        "SELECT count(*) FROM things", 60, note="no row is true to its CHECK abstract",
    ),
    "numeric keys with other decimals than their parents', and octets of a length": Case(
        """CREATE TABLE a (id numeric(10,0) PRIMARY KEY); CREATE TABLE b (id numeric PRIMARY KEY);
           CREATE TABLE sums (sum bytea PRIMARY KEY CHECK (length(sum) = 20));
           CREATE TABLE c (id numeric PRIMARY KEY, a_id numeric NOT NULL REFERENCES a CHECK (a_id > 0),
               b_id numeric(12,2) NOT NULL REFERENCES b, whole int REFERENCES b,
               sum bytea NOT NULL REFERENCES sums CHECK (length(sum) = 20), other bytea CHECK (length(other) = 7))""",
        "SELECT count(*) FROM c", 60,
    ),
    "a truth value that is unique": Case(
        """CREATE TABLE versions (version text NOT NULL);
           CREATE UNIQUE INDEX one_row ON versions ((version IS NOT NULL));""",
        "SELECT count(*) FROM versions", 1, note="one_row leaves no room for a second row",
    ),
    "indexes that read texts and documents": Case(
        """CREATE TABLE pages (id int PRIMARY KEY, language text, body text NOT NULL, links jsonb,
               found tsvector, CHECK (body <> 'a' OR language::regconfig IS NOT NULL));
           CREATE INDEX ON pages (coalesce(jsonb_array_length(links), 0));""",
        "SELECT count(links) > 20 AND bool_and(links IS NULL OR jsonb_typeof(links) = 'array') FROM pages", True,
    ),
    "hours of a day that do not overlap": Case(
        """CREATE TYPE timerange AS RANGE (subtype = time); CREATE EXTENSION IF NOT EXISTS btree_gist;
           CREATE TABLE t (weekday smallint NOT NULL, from_time time NOT NULL, to_time time NOT NULL,
               EXCLUDE USING gist (weekday WITH =, timerange(from_time, to_time) WITH &&))""",
        "SELECT count(*) FROM t WHERE from_time < to_time", 60,
    ),
    "a time of day that follows another one, and one from an hour on": Case(
        """CREATE TABLE t (opens_at time NOT NULL, closes_at time NOT NULL, rings_at timetz NOT NULL,
               CHECK (opens_at < closes_at), CHECK (rings_at > '22:00+00'))""",
        "SELECT count(DISTINCT closes_at) > 3500 AND max(closes_at) < '24:00' FROM t", True, rows=4000,
    ),
    "a manager whose shop has the manager": Case(
        """CREATE TABLE addresses (id int PRIMARY KEY);
           CREATE TABLE shops (id int PRIMARY KEY, manager_id int NOT NULL,
               address_id int NOT NULL REFERENCES addresses,
               region_id int NOT NULL REFERENCES addresses);
           CREATE TABLE staff (id int PRIMARY KEY, shop_id int NOT NULL REFERENCES shops,
               address_id int NOT NULL REFERENCES addresses, region_id int NOT NULL REFERENCES addresses);
           ALTER TABLE shops ADD FOREIGN KEY (manager_id) REFERENCES staff DEFERRABLE INITIALLY DEFERRED;""",
        "SELECT count(*) > 0 FROM staff", True,
    ),
    "a vote each for a category, which agrees with another parent": Case(
        """CREATE TABLE decisions (id int PRIMARY KEY);
           CREATE TABLE options (id int PRIMARY KEY, decision_id int NOT NULL REFERENCES decisions);
           CREATE TABLE categories (id int PRIMARY KEY, decision_id int NOT NULL REFERENCES decisions);
           CREATE TABLE people (id int PRIMARY KEY);
           CREATE TABLE votes (id int PRIMARY KEY, decision_id int NOT NULL REFERENCES decisions,
               person_id int NOT NULL REFERENCES people, option_id int NOT NULL REFERENCES options,
               category_id int NOT NULL REFERENCES categories, UNIQUE (person_id, category_id));""",
        "SELECT count(*) FROM votes", 60,
    ),
    "whoever did it belongs to the tenant, if anybody did": Case(
        """CREATE TABLE tenants (id int PRIMARY KEY);
           CREATE TABLE users (id int PRIMARY KEY, tenant_id int NOT NULL REFERENCES tenants);
           CREATE TABLE plans (id int PRIMARY KEY, tenant_id int NOT NULL REFERENCES tenants);
           CREATE TABLE log (id int PRIMARY KEY, tenant_id int NOT NULL REFERENCES tenants,
               user_id int REFERENCES users, plan_id int REFERENCES plans)""",
        """SELECT count(*) FILTER (WHERE u.tenant_id <> l.tenant_id AND EXISTS (
                      SELECT FROM users o WHERE o.tenant_id = l.tenant_id)) || ' ' || (count(u.id) > 20)
           FROM log l LEFT JOIN users u ON u.id = l.user_id""", "0 true",
    ),
    "a key leads past the tenant whom its parent, if any, belongs to": Case(
        TENANT_CARDS + """
           CREATE TABLE phases (id int PRIMARY KEY, tenant_id int NOT NULL REFERENCES tenants,
               card_id int REFERENCES cards, other_id int REFERENCES others, position int NOT NULL,
               deleted_at timestamp, CHECK ((card_id IS NULL) <> (other_id IS NULL)));
           CREATE UNIQUE INDEX ON phases (card_id, position) WHERE card_id IS NOT NULL AND deleted_at IS NULL;
           CREATE UNIQUE INDEX ON phases (other_id, position) WHERE other_id IS NOT NULL AND deleted_at IS NULL""",
        "SELECT count(*) || ' ' || (count(card_id) BETWEEN 1 AND 59) FROM phases", "60 true",
    ),
    "the tenant leads, not what may be NULL and belongs to it": Case(
        TENANT_CARDS + """
           CREATE TABLE alerts (id int PRIMARY KEY, tenant_id int NOT NULL REFERENCES tenants, note text,
               kind text NOT NULL CHECK (kind IN ('a', 'b', 'c')), card_id int REFERENCES cards,
               CHECK ((note IS NOT NULL) <> (card_id IS NOT NULL)));
           CREATE UNIQUE INDEX ON alerts (card_id, tenant_id, kind) WHERE card_id IS NOT NULL""",
        "SELECT count(*) FROM alerts a JOIN cards c ON c.id = a.card_id WHERE c.tenant_id <> a.tenant_id", 0,
    ),
    "two keys within one parent, whose partners are of the tenant": Case(
        TENANT_CARDS + """
           CREATE TABLE features (id int PRIMARY KEY, tenant_id int NOT NULL REFERENCES tenants);
           CREATE TABLE t (id int PRIMARY KEY, tenant_id int NOT NULL REFERENCES tenants,
               feature_id int NOT NULL REFERENCES features, card_id int REFERENCES cards,
               other_id int REFERENCES others, CHECK ((card_id IS NULL) <> (other_id IS NULL)));
           CREATE UNIQUE INDEX ON t (feature_id, card_id); CREATE UNIQUE INDEX ON t (feature_id, other_id)""",
        "SELECT count(*) > 100 FROM t", True, rows=300,
    ),
    "each parent once, if any, whatever the tenant": Case(
        TENANT_CARDS + """
           CREATE TABLE waits (id int PRIMARY KEY, tenant_id int NOT NULL REFERENCES tenants ON DELETE CASCADE,
               card_id int UNIQUE REFERENCES cards)""",
        "SELECT count(*) || ' ' || (count(card_id) BETWEEN 30 AND 59) FROM waits", "60 true",
    ),
    "a CHECK on the values of a reference that may be NULL": Case(
        """CREATE TABLE kinds (id int PRIMARY KEY); CREATE TABLE genders (id int PRIMARY KEY);
           CREATE TABLE artists (id int PRIMARY KEY, kind int REFERENCES kinds, gender int REFERENCES genders,
               CHECK (gender IS NULL AND kind IN (2, 5) OR kind NOT IN (2, 5) OR kind IS NULL), CHECK (kind < 40))""",
        "SELECT count(*) || ' ' || (count(kind) > 30) || ' ' || (count(gender) > 10) FROM artists", "60 true true",
    ),
    "a reference whose values the CHECK forbids": Case(
        """CREATE TABLE kinds (id int PRIMARY KEY CHECK (id IN (2, 5)));
           CREATE TABLE things (id int PRIMARY KEY, kind int NOT NULL REFERENCES kinds CHECK (kind NOT IN (2, 5)))""",
        note="kind needs a row of kinds, none of which the CHECKs of kind allow",
    ),
    "a UUID that a CHECK takes from a reference": Case(
        """CREATE TABLE firms (id uuid PRIMARY KEY);
           CREATE TABLE t (id int PRIMARY KEY, firm_id uuid NOT NULL REFERENCES firms
               CHECK (firm_id <> '00000000-0000-0000-0000-000000000000'))""",
        "SELECT count(*) FROM t", 60,
    ),
    "keys of which only the partitions have each": Case(
        """CREATE TABLE artists (id int PRIMARY KEY); CREATE TABLE releases (id int PRIMARY KEY);
           CREATE TABLE t (is_track boolean NOT NULL, artist int NOT NULL REFERENCES artists,
               release int NOT NULL REFERENCES releases) PARTITION BY LIST (is_track);
           CREATE TABLE t_no PARTITION OF t FOR VALUES IN (false);
           CREATE TABLE t_yes PARTITION OF t FOR VALUES IN (true);
           CREATE UNIQUE INDEX ON t_no (release, artist); CREATE UNIQUE INDEX ON t_yes (release, artist)""",
        "SELECT count(*) FROM t", 60,
    ),
    "a choice without a partition": Case(
        """CREATE TABLE t (part int NOT NULL, kind text NOT NULL, CHECK (kind = 'a' AND part = 7))
               PARTITION BY LIST (part);
           CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1, 2)""",
        note="its CHECKs leave no value for part that has a partition",
    ),
    "a choice of NULL without a partition": Case(
        """CREATE TABLE t (part int, other int, CHECK (num_nonnulls(part, other) = 1)) PARTITION BY LIST (part);
           CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1, 2)""",
        "SELECT count(part) || ' ' || count(other) FROM t", "60 0",
    ),
    "a partition that the casing forbids": Case(
        """CREATE TABLE t (part text NOT NULL CHECK (part = upper(part))) PARTITION BY LIST (part);
           CREATE TABLE t_1 PARTITION OF t FOR VALUES IN ('de')""",
        note="its CHECKs leave no value for part that has a partition",
    ),
    "partitions of which the casing leaves one": Case(
        """CREATE TABLE t (part text NOT NULL CHECK (part = upper(part))) PARTITION BY LIST (part);
           CREATE TABLE t_1 PARTITION OF t FOR VALUES IN ('de', 'FR')""",
        "SELECT min(part) || max(part) FROM t", "FRFR",
    ),
    "a list of which the pattern leaves one": Case(
        "CREATE TABLE t (code text NOT NULL CHECK (code IN ('abc', 'xyz') AND code ~ '^x'))",
        "SELECT min(code) || max(code) FROM t", "xyzxyz",
    ),
    "a list of which the pattern leaves none": Case(
        "CREATE TABLE t (code text NOT NULL CHECK (code IN ('abc', 'xyz') AND code ~ '^[0-9]'))",
        note="its CHECKs leave no value for code",
    ),
    "conditions that contradict each other": Case(
        """CREATE TABLE t (a int, b int, PRIMARY KEY (a, b),
               CONSTRAINT one CHECK (num_nonnulls(a, b) <= 1))""",
        note="no row is true to its CHECK one",
    ),
    "a reference to a key that is NULL in some rows": Case(
        """CREATE TABLE p (id int PRIMARY KEY, a int UNIQUE, b int UNIQUE, CHECK (num_nonnulls(a, b) = 1));
           CREATE TABLE c (x int NOT NULL REFERENCES p (a), y int NOT NULL REFERENCES p (b))""",
        "SELECT count(*) || ' ' || (SELECT least(count(a), count(b), 1) FROM p) FROM c", "60 1",
    ),
    "a reference to a key that is always NULL": Case(
        """CREATE TABLE p (id int PRIMARY KEY, a int UNIQUE CHECK (a IS NULL));
           CREATE TABLE c (x int NOT NULL REFERENCES p (a))""",
        note="x needs a row of p, none of which has a",
    ),
    "one NULL column of a composite reference": Case(
        """CREATE TABLE p (a int, b int, PRIMARY KEY (a, b));
           CREATE TABLE c (x int NOT NULL, y int, z text, FOREIGN KEY (x, y) REFERENCES p,
               CHECK (num_nonnulls(y, z) = 1))""",
        "SELECT count(x) || ' ' || (count(y) BETWEEN 1 AND 59) FROM c", "60 true",
    ),
    "references beside a tenant that must be there together": Case(
        TENANTS + """
           CREATE TABLE t (tenant_id int NOT NULL REFERENCES tenants, a int, b int, note text,
               FOREIGN KEY (tenant_id, a) REFERENCES users, FOREIGN KEY (tenant_id, b) REFERENCES users,
               CHECK ((a IS NULL) = (b IS NULL)), CHECK (a IS NOT NULL OR note IS NOT NULL))""",
        "SELECT count(*) FROM t", 60,
    ),
    "patterns that see the blanks of char(n)": Case(
        """CREATE TABLE t (a char(8) PRIMARY KEY CHECK (a LIKE '%z'), b char(8) NOT NULL CHECK (b LIKE 'a%'),
               c char(8) NOT NULL CHECK (c ~ '^[a-z]+$'), d char(8) NOT NULL CHECK (d NOT LIKE '% '),
               e char(8) NOT NULL CHECK (e::text LIKE '___'), f char(8) CHECK (f LIKE '__'))""",
        "SELECT count(DISTINCT a) || ' ' || max(length(e)) || ' ' || count(f) FROM t", "60 3 0",
    ),
    "a key of few texts, all of a pattern": Case(
        "CREATE TABLE t (code varchar(40) PRIMARY KEY CHECK (code ~ '^(red|green|blue)$'))",
        "SELECT count(*) FROM t", 3, "(code) is unique and has 3 values",
    ),
    "a pattern that no char(n) matches": Case(
        "CREATE TABLE t (a char(8) NOT NULL CHECK (a LIKE '__'))", note="its CHECKs leave no value for a"
    ),
    "days of a parent between bounds": Case(
        USERS + """CREATE TABLE t (user_id int REFERENCES users, day date CHECK (day < '2020-01-01'),
               PRIMARY KEY (user_id, day))""",
        "SELECT count(*) FROM t", 60,
    ),
    "a counted key that another column follows": Case(
        "CREATE TABLE t (part int, id int GENERATED ALWAYS AS IDENTITY, PRIMARY KEY (id, part), CHECK (part >= id))",
        "SELECT count(*) FROM t", 400, rows=400,
    ),
    "bounds that a comparison carries to other columns": Case(
        """CREATE TABLE t (a date NOT NULL, b date NOT NULL CHECK (b <= '2000-02-29'), c int NOT NULL, d int NOT NULL,
               e int NOT NULL, CHECK (a <= b), CHECK (c < d AND d < e AND e <= -7))""",
        "SELECT count(*) FROM t", 60,
    ),
    "pairs in order": Case(
        USERS + f"CREATE TABLE f (id int PRIMARY KEY, {FRIENDS}, CHECK (user_a < user_b))",
        "SELECT count(*) FROM f", 60,
    ),
    "pairs in order, UUIDs": Case(
        UUID_USERS + f"CREATE TABLE f (id int PRIMARY KEY, {UUID_FRIENDS}, CHECK (user_a > user_b))",
        "SELECT count(*) FROM f", 60,
    ),
    "pairs in order that may be one": Case(
        UUID_USERS + f"CREATE TABLE f (id int PRIMARY KEY, {UUID_FRIENDS}, CHECK (user_a <= user_b))",
        "SELECT count(*) FROM f", 60,
    ),
    "pairs once": Case(
        USERS + f"CREATE TABLE f ({FRIENDS}, PRIMARY KEY (user_a, user_b), CHECK (user_a < user_b))",
        "SELECT count(*) FROM f", 60,
    ),
    "pairs once, UUIDs": Case(
        UUID_USERS + f"CREATE TABLE f ({UUID_FRIENDS}, UNIQUE (user_b, user_a), CHECK (user_a < user_b))",
        "SELECT count(*) FROM f", 60,
    ),
    "pairs once, in either order": Case(
        USERS + f"""CREATE TABLE f ({FRIENDS}, CHECK (user_a <> user_b));
           CREATE UNIQUE INDEX ON f (least(user_a, user_b), greatest(user_a, user_b))""",
        "SELECT count(*) FROM f", 60,
    ),
    "all the pairs that there are": Case(
        USERS + f"CREATE TABLE f ({FRIENDS}, PRIMARY KEY (user_a, user_b), CHECK (user_a < user_b))",
        "SELECT count(*) FROM f", 1, "(user_a, user_b) is unique and has 1 pairs", 2,
    ),
    "nobody to be a pair with": Case(
        USERS + f"CREATE TABLE f (id int PRIMARY KEY, {FRIENDS}, CHECK (user_a < user_b))",
        note="user_b needs another row of users, which has one", rows=1,
    ),
    "pairs of a tenant": Case(
        TENANTS + f"CREATE TABLE f (id int PRIMARY KEY, {OF_TENANT}, CHECK (user_a < user_b))",
        "SELECT count(*) FROM f", 60,
    ),
    "two others of a tenant": Case(
        TENANTS + f"CREATE TABLE f (id int PRIMARY KEY, {OF_TENANT}, CHECK (user_a <> user_b))",
        "SELECT count(*) FROM f", 60,
    ),
    "one default for each user": Case(
        USERS + """CREATE TABLE t (id int PRIMARY KEY, user_id int NOT NULL REFERENCES users,
               is_default boolean NOT NULL);
           CREATE UNIQUE INDEX one_default ON t (user_id) WHERE is_default""",
        "SELECT count(*) FILTER (WHERE is_default) FROM t", 30,
    ),
    "one default and one state for each user, side by side": Case(
        USERS + """CREATE TABLE user_things (
               id int PRIMARY KEY, user_id int NOT NULL REFERENCES users ON DELETE CASCADE,
               is_default boolean NOT NULL, state text NOT NULL CHECK (state IN ('a', 'b', 'c')));
           CREATE UNIQUE INDEX one_default ON user_things (user_id) WHERE is_default;
           CREATE UNIQUE INDEX one_a ON user_things (user_id) WHERE state = 'a'""",
        """SELECT count(DISTINCT user_id) = count(*) FILTER (WHERE is_default)
               AND count(DISTINCT user_id) = count(*) FILTER (WHERE state = 'a') FROM user_things""", True,
    ),
    "one owner of a firm, one main firm of a user": Case(
        USERS + """CREATE TABLE firms (id uuid PRIMARY KEY);
           CREATE TABLE t (id int PRIMARY KEY, user_id int NOT NULL REFERENCES users,
               firm_id uuid NOT NULL REFERENCES firms, is_owner boolean NOT NULL, is_main boolean NOT NULL);
           CREATE UNIQUE INDEX ON t (firm_id) WHERE is_owner; CREATE UNIQUE INDEX ON t (user_id) WHERE is_main""",
        "SELECT count(*) FILTER (WHERE is_owner) || ' ' || count(*) FILTER (WHERE is_main) FROM t", "30 30",
    ),
    "one row of the table": Case(
        """CREATE TABLE t (id int PRIMARY KEY, is_current boolean NOT NULL);
           CREATE UNIQUE INDEX one_current ON t ((true)) WHERE is_current""",
        "SELECT count(*) FILTER (WHERE is_current) FROM t", 1,
        "one row is in one_current (WHERE is_current), whose key has no room for all rows",
    ),
    "a table of one row": Case(
        "CREATE TABLE t (id int); CREATE UNIQUE INDEX one_row ON t ((true))",
        "SELECT count(*) FROM t", 1, "one_row leaves no room for a second row",
    ),
    "unique numbers that are compared with each other": Case(
        """CREATE TABLE t (id serial PRIMARY KEY, next int NOT NULL UNIQUE, last int NOT NULL UNIQUE,
               CHECK (id < next), CHECK (last <= id - 3))""",
        "SELECT count(*) FROM t WHERE next > id AND last < id", 60,
    ),
    "a unique text of no length": Case(
        "CREATE TABLE t (code varchar(1) NOT NULL UNIQUE, CHECK (NOT (length(code) > 0)))",
        "SELECT count(*) FILTER (WHERE code = '') FROM t", 1, "(code) is unique and has 1 values",
    ),
    "conditions on two columns of one foreign key": Case(
        """CREATE TABLE days (place text, day date, PRIMARY KEY (place, day));
           CREATE TABLE t (id int PRIMARY KEY, place text, day date, note text, seats int,
               FOREIGN KEY (place, day) REFERENCES days, CHECK (num_nonnulls(note, place) <= 1),
               CHECK (seats IS NULL OR day IS NOT NULL))""",
        "SELECT count(*) FROM t WHERE (place IS NULL) <> (day IS NULL)", 0,
    ),
    "a row of the same tenant above, and the tenant in a cycle": Case(
        """CREATE TABLE tenants (id int PRIMARY KEY, main_id int);
           CREATE TABLE t (tenant_id int REFERENCES tenants, id int, above_id int, PRIMARY KEY (tenant_id, id),
               FOREIGN KEY (tenant_id, above_id) REFERENCES t);
           ALTER TABLE tenants ADD FOREIGN KEY (id, main_id) REFERENCES t (tenant_id, id)""",
        "SELECT count(above_id) > 0 FROM t", True,
    ),
    "ranges of UUIDs, texts and times that do not overlap": Case(
        """CREATE TYPE uuids AS RANGE (SUBTYPE = uuid); CREATE TYPE texts AS RANGE (SUBTYPE = text);
           CREATE TYPE hours AS RANGE (SUBTYPE = time);
           CREATE TABLE t (ids uuids NOT NULL, words texts NOT NULL, at hours NOT NULL,
               EXCLUDE USING gist (ids WITH &&), EXCLUDE USING gist (words WITH &&),
               EXCLUDE USING gist (at WITH &&))""",
        "SELECT count(*) FROM t WHERE upper_inf(ids) OR upper_inf(words) OR upper_inf(at)", 0,
    ),
    "a row that names one of its own children": Case(
        """CREATE TABLE entities (id uuid PRIMARY KEY);
           CREATE TABLE entries (id uuid PRIMARY KEY REFERENCES entities, current_id int);
           CREATE TABLE revisions (id int, entry_id uuid REFERENCES entries, PRIMARY KEY (id, entry_id));
           ALTER TABLE entries ADD FOREIGN KEY (current_id, id) REFERENCES revisions (id, entry_id)""",
        """SELECT bool_and(current_id IS NULL) FILTER (WHERE children = 0)
               AND count(current_id) > count(*) FILTER (WHERE children > 0) / 2
           FROM (SELECT current_id, (SELECT count(*) FROM revisions WHERE entry_id = entries.id) AS children
                 FROM entries) AS named""", True,
    ),
    "a row that has to name one of its own children": Case(
        """CREATE TABLE orders (id int PRIMARY KEY, first_line int NOT NULL);
           CREATE TABLE lines (order_id int REFERENCES orders DEFERRABLE, no int, PRIMARY KEY (order_id, no));
           ALTER TABLE orders ADD FOREIGN KEY (id, first_line) REFERENCES lines (order_id, no) DEFERRABLE""",
        "SELECT count(*) FROM orders JOIN lines ON order_id = orders.id AND no = first_line", 60,
    ),
    "a unique column that the server generates": Case(
        """CREATE TABLE t (email text NOT NULL, plain text GENERATED ALWAYS AS (lower(email)) STORED UNIQUE,
               n int NOT NULL, twice bigint GENERATED ALWAYS AS (n * 2) STORED UNIQUE)""",
        "SELECT count(DISTINCT plain) + count(DISTINCT twice) FROM t", 120,
    ),
    "a foreign key to what the server generates": Case(
        """CREATE TABLE things (n int NOT NULL UNIQUE, twice bigint GENERATED ALWAYS AS (n * 2) STORED UNIQUE);
           CREATE TABLE t (id int PRIMARY KEY, twice bigint REFERENCES things (twice))""",
        "SELECT count(twice) FROM t", 0,
    ),
    "conditions on the text, the day and the remainder of a key": Case(
        """CREATE TABLE words (word text PRIMARY KEY); CREATE TABLE days (day date PRIMARY KEY);
           CREATE TABLE numbers (n int PRIMARY KEY);
           CREATE TABLE t (word text NOT NULL REFERENCES words CHECK (word ~ '[aeiou]'),
               day date NOT NULL REFERENCES days CHECK (day <> '2000-01-01' AND day < '2024-01-20'),
               n int NOT NULL REFERENCES numbers CHECK (n % 3 = 1))""",
        "SELECT count(*) FROM t", 60,
    ),
    "multiples that a strict bound keeps from 0, and below 0": Case(
        """CREATE TABLE t (id int PRIMARY KEY,
               minutes int NOT NULL CHECK (minutes > 0 AND minutes % 5 = 0 AND minutes <= 40),
               below int NOT NULL CHECK (below < 0 AND below % 7 = 0))""",
        "SELECT min(minutes) = 5 AND count(DISTINCT below) > 1 FROM t", True,
    ),
    "conditions on the key of a row of the table itself": Case(
        """CREATE TABLE t (id int, day date, above_id int, above_day date, PRIMARY KEY (id, day),
               FOREIGN KEY (above_id, above_day) REFERENCES t, CHECK (above_id >= 20), CHECK (day <> above_day))""",
        "SELECT count(above_id) > 0 FROM t", True,
    ),
    "MATCH FULL of a key of which a CHECK wants NULL": Case(
        """CREATE TABLE days (place text, day date, PRIMARY KEY (place, day));
           CREATE TABLE t (id int, place text, day date, note text, PRIMARY KEY (id), UNIQUE (id, place, day),
               FOREIGN KEY (place, day) REFERENCES days MATCH FULL, CHECK (num_nonnulls(note, place) = 1));
           CREATE TABLE later (id int, place text, day date, FOREIGN KEY (id, place, day)
               REFERENCES t (id, place, day))""",
        "SELECT bool_and((place IS NULL) = (day IS NULL)) FROM t", True,
    ),
    "a column that must not be NULL in a key that nothing fits": Case(
        """CREATE TABLE tenants (id int PRIMARY KEY);
           CREATE TABLE pairs (a int, b int, PRIMARY KEY (a, b), CHECK (a < 0));
           CREATE TABLE t (a int NOT NULL REFERENCES tenants, b int, FOREIGN KEY (a, b) REFERENCES pairs)""",
        "SELECT count(*) - count(b) FROM t", 60,
    ),
    "unique documents with members that exclude each other": Case(
        """CREATE TABLE t (doc jsonb NOT NULL UNIQUE, CHECK (
               (doc ? 'one' AND doc ->> 'one' <> '' AND NOT doc ? 'two')
               OR (doc ? 'two' AND doc ->> 'two' <> '' AND NOT doc ? 'one')))""",
        "SELECT count(*) FROM t WHERE (doc ? 'one') <> (doc ? 'two')", 60,
    ),
    "a kind that is a foreign key, each with conditions of its own": Case(
        """CREATE TABLE kinds (name text PRIMARY KEY CHECK (name IN ('root', 'branch')));
           CREATE TABLE t (id int PRIMARY KEY, kind text NOT NULL REFERENCES kinds, above_id int,
               CHECK (kind = 'root' AND above_id IS NULL OR kind = 'branch' AND above_id > 0))""",
        "SELECT count(*) FROM t", 60,
    ),
    "a condition that no value is true to": Case(
        "CREATE TABLE t (id int PRIMARY KEY, n int, CHECK (n < 0 AND n >= 42))",
        "SELECT count(n) FROM t", 0,
    ),
    "texts of which some characters must not be": Case(
        "CREATE TABLE t (slug varchar(40) PRIMARY KEY, CHECK (slug !~ '[0-9]'))",
        "SELECT count(*) FROM t", 400, rows=400,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_server_takes_what_is_planned(database: PostgresqlEngine, name: str) -> None:
    case = CASES[name]
    schema = database.preview(case.ddl, {})
    dataset = plan(schema, case.rows)
    if case.note:
        assert any(note.endswith(case.note) for note in dataset.plan.notes), dataset.plan.notes
    fill(database, dataset)
    check_everything(database, schema, dataset, case.rows)
    if case.query:
        with psycopg.connect(database.url) as connection:
            assert connection.execute(case.query.encode()).fetchone() == (case.result,)


REFUSED = {
    r"^a\.id has its value from b\.id, which has it from a\.id: no row could come first": """
        CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY REFERENCES a);
        ALTER TABLE a ADD FOREIGN KEY (id) REFERENCES b DEFERRABLE""",
    r"^orders\.id,first_line must name a row of lines that belongs to it, and \d+ of 60 rows have none": """
        CREATE TABLE orders (id int PRIMARY KEY, first_line int NOT NULL);
        CREATE TABLE lines (order_id int REFERENCES orders DEFERRABLE, no int, kind boolean NOT NULL UNIQUE,
            PRIMARY KEY (order_id, no));
        ALTER TABLE orders ADD FOREIGN KEY (id, first_line) REFERENCES lines (order_id, no) DEFERRABLE""",
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_is_refused_in_one_line(database: PostgresqlEngine, words: str) -> None:
    with pytest.raises(InputError, match=words):
        plan(database.preview(REFUSED[words], {}), 60)


GROWING = f"""
    CREATE TABLE users (id uuid PRIMARY KEY, name text);
    CREATE TABLE friends ({UUID_FRIENDS}, PRIMARY KEY (user_a, user_b), CHECK (user_a < user_b));
    CREATE TABLE addresses (id int PRIMARY KEY, user_id uuid NOT NULL REFERENCES users, is_default boolean NOT NULL);
    CREATE UNIQUE INDEX ON addresses (user_id) WHERE is_default;
    CREATE TABLE user_cards (id int PRIMARY KEY, user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
        is_default boolean NOT NULL);
    CREATE UNIQUE INDEX ON user_cards (user_id) WHERE is_default"""


def test_growing_keeps_pairs_and_firsts(database: PostgresqlEngine) -> None:
    """No pair twice and one default at most on both sides of the seam, whatever the step."""
    schema = database.preview(GROWING, {})
    full = {"users": 400, "friends": 3000, "addresses": 1300, "user_cards": 1000}
    request = DataRequest(DataShape(), 0.1, 1, full.get, {})
    dataset: Dataset = Dataset.plan_for(schema, request, owns_tables=True)
    for scale in (0.13, 0.5, 1.0):
        dataset = grown(dataset, scale, f"--scale {scale}")
        friends = dataset.batch("friends", 0, dataset.row_count("friends"))
        pairs = list(zip(*(friends[name].to_pylist() for name in ("user_a", "user_b")), strict=True))
        assert len({frozenset(pair) for pair in pairs}) == len(pairs) == round(3000 * scale)
        assert all(lower < upper for lower, upper in pairs)
        for table in ("addresses", "user_cards"):
            rows = dataset.batch(table, 0, dataset.row_count(table))
            owners = [
                u for u, is_it in zip(*(rows[n].to_pylist() for n in ("user_id", "is_default")), strict=True) if is_it
            ]
            assert len(set(owners)) == len(owners) > 0.4 * 400 * scale
