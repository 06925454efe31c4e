# ruff: noqa: E501 (a pattern is read in one line)
"""What names mean: patterns over a column's name in lower-case words (`billing address 1`); the first match wins."""

from __future__ import annotations

import re

Rules = tuple[tuple[re.Pattern[str], str], ...]


def _rules(*pairs: tuple[str, str]) -> Rules:
    return tuple((re.compile(pattern), meaning) for pattern, meaning in pairs)


_THING = (
    r"(auditable|taggable|trackable|noteable|owner|subject|target|record|resource|entity|model|object|item|reference|"
    r"recipient|sender|parent|document|\w+able)"
)
_SETTING = r"(setting|config|configuration|option|param|parameter|property|attribute|field|variable|var|meta)"

TEXT: Rules = _rules(
    # secrets and digests
    (r"\bsalt$", "salt"),
    (r"\bjwt$", "jwt"),
    (r"\bapi ?keys?$|\bsecret key$", "api_key"),
    (r"\btokens?\b(?! (endpoint|type|name))|\b(secret|nonce|csrf|verifier|challenge)s?$", "token"),
    (r"\bbcrypt\b|\bencrypted ?password\b|\bpassword ?digest\b|\bcrypted ?password\b", "bcrypt_hash"),
    (r"\bpass(word|wd|wort|phrase)?( ?(hash|hashed|crypt))?$|\bpwd$|\bargon|passwd$|^hashed password", "password_hash"),
    (r"\bmd ?5\b", "md5"),
    (r"\bsha ?512\b", "sha512"),
    (r"\bsha ?256\b", "sha256"),
    (r"\be ?tag$", "etag"),
    (r"\b(commit|git|head|base|tree|blob) ?(sha|hash|ref|id|oid)\b|\bsha( ?1)?$|^(commit|revision|rev)$", "git_ref"),
    (r"\b(transaction|tx|block|contract) ?(hash|address)$|\bblock ?hash$|\bwallet( address)?$", "transaction_hash"),
    (r"\bchecksum|\bdigest$|\bfinger ?print$|\bhash(ed)?$|\bsignature$|\b(encrypted|cipher ?text)\b", "token"),
    # identifiers with a form of their own
    (r"\bulid$", "ulid"),
    (r"\b(uuid|guid)\b", "uuid"),
    (r"\biban$", "iban"),
    (r"\b(bic|swift)( ?code)?$", "bic"),
    (r"\bvat\b|\btax ?(id|number|no|code|identification number)$|\btin$|\bfiscal code$", "vat_id"),
    (r"\bssn$|\bsocial security|\bnational ?(id|number)|\bpassport( ?(no|number))?$|\bpersonal (id|number)$", "national_id"),
    (r"\bisbn( ?1[03])?$", "isbn"),
    (r"\b(ean|gtin)( ?\d+)?$|\bupc$|\bbar ?code$", "ean"),
    (r"\bsku$|\b(article|part|item|product) ?(no|number|code)$", "sku"),
    (r"\bdoi$", "doi"),
    (r"\blicen[cs]e ?plate|\b(number|licen[cs]e) plate$|\bplate( ?(no|number))?$", "license_plate"),
    (r"\bcc last|\blast ?(4|four)( digits)?$|\bcard last", "card_last4"),
    (r"\b(card|cc) ?(number|no)$", "card_number"),
    (r"\bcard ?(brand|type)$", "card_brand"),
    (r"\bline ?code$", "line_code"),
    (r"\bcron( ?(expr|expression|str|schedule|tab))?$", "cron"),
    (r"\bmac( ?addr(ess)?)?$", "mac"),
    (r"\bipv? ?6\b", "ipv6"),
    (r"\bip( ?(v ?4|addr(ess)?))?$|\bipv ?4\b|\binet\b|\bremote ?addr(ess)?$|\b(client|peer) addr(ess)?$", "ip"),
    (r"\buser ?agent\b|^ua$|\bua string$", "user_agent"),
    # types and kinds, before what they are the types of
    (r"\bmime|\bcontent ?type$|\bmedia ?type$", "mime_type"),
    (r"\b(event|action|activity|operation)s?( ?(type|name|kind))?$|\btrigger$|^verb$", "event_type"),
    (r"\bdata ?type$", "data_type"),
    (r"\b(payment|pay) ?(method|type|mode|form)$", "payment_method"),
    (r"\b(http|request) ?(method|verb)$|^method$", "http_method"),
    (r"\bship(ping|ment)? ?(method|type|via|mode)$|\bcarrier$", "shipping_method"),
    (r"\bdevice ?type$|\bplatform$|\bos( ?name)?$|\boperating system$", "platform"),
    (r"\bbrowser( name)?$", "browser"),
    (rf"\b{_THING} ?type$|\bclass( ?name)?$|\b(model|entity|type) name$", "class_name"),
    (r"\b(type|kind|typ|variant|mode|classification)( ?(name|code))?( \d+)?$", "kind"),
    (r"\bstatus( ?(name|code))?$|\b(stage|phase|disposition)$", "status"),
    (r"\bseverity$|\blog ?level$", "severity"),
    (r"\bpriority$|\burgency$", "priority"),
    (r"\bvisibility$|\bprivacy$", "visibility"),
    (r"\broles?( name)?$|\bpermissions?$|\bprivilege$|\baccess level$", "role"),
    (r"\benv(ironment)?$", "environment"),
    (r"\bgender$|\bsex$", "gender"),
    (r"\bmarital ?status$|\bcivil status$", "marital_status"),
    (r"\b(is|has) \w+$|^(is|has)(active|deleted|default|valid|enabled|visible)$|\bflag$", "flag"),
    # people
    (r"\be ?mail( ?(address|adr|id))?( \d)?$|^mail$", "email"),
    (r"\b(first|given|fore) ?names?\b|^f ?name$|^vorname$|^prenom$|^first$", "first_name"),
    (r"\b(last|sur|family) ?names?\b|^l ?name$|^nachname$|^nom$|^last$", "last_name"),
    (r"\bmiddle ?initial$|^mi$", "letter"),
    (r"\bmiddle( ?name)?$|^m ?name$", "middle_name"),
    (r"\binitials$", "initials"),
    (r"\bsalutation$|\bhonorific|\btitle of courtesy$|^name prefix$|^prefix$", "salutation"),
    (r"\bdevice name$", "word"),
    (r"\b(default|git|base|head|source|target|release|production) ?branch( name)?$", "slug"),
    (r"\b(queue|service|bucket|cluster|metric|namespace|table|column|schema|field|function|tool|runtime|index|constraint) names?$|^runtime$", "word"),
    (
        r"\buser ?name$|\blogin( ?name)?$|\bnick( ?name)?$|\bscreen ?name$|\bhandle$|\bassignee$|^owner$|\b(created|updated|"
        r"changed|modified|locked|claimed|suspended|completed|started|approved|owned|closed|opened|"
        r"installed|resolved|ignored|deleted|archived|assigned|reviewed|uploaded|published|invited|cancelled|canceled|edited|"
        r"added|removed|banned|verified|submitted|signed|paid|ordered|reported|revoked) by$|^whodunnit$|"
        r"\b(twitter|github|instagram|facebook|linkedin|telegram|skype|discord|slack|matrix|xing|mastodon|flickr)"
        r"( ?(name|user|username|handle|account))?$",
        "username",
    ),
    (
        r"\b(full|contact|real|legal|person|owner|author|customer|member|employee|reviewer|manager|judge|player|artist|"
        r"recipient|sender|guest|patient|teacher|student|candidate|applicant|committer|cardholder|beneficiary|agent|"
        r"reporter|representative|submitter|payer|holder|passenger|doctor|driver|seller|buyer|account holder|attorney|"
        r"composer|attn|attention) ?(full )?names?$|^(author|authors|creator|composer|artist|reporter|recipient|teacher|"
        r"cardholder|autor|photographer|contact person|contact|originator|submitter|rights holder|patient|actor)$",
        "full_name",
    ),
    (r"\bjob ?title$|^job$|\b(profession|occupation|beruf)$|\b(contact|position|employee) title$", "job"),
    (r"\b(tele)?phone ?ext(ension)?$|\bext no$", "phone_extension"),
    (r"(tele)?phone|\btel(efon)?\b( ?(no|nr|number))?$|\b(mobile|cell|fax|msisdn|whatsapp|sms)( ?(no|nr|number))?( \d)?$", "phone"),
    # addresses
    (r"\b(post(al)?|zip) ?code\b|\bzip( ?\d)?$|\bplz$|^postal$|\bpostcd$|\bcep$", "postcode"),
    (r"\bcity\b|\btown\b|\bsuburb$|\bmunicipality$|\blocality$|^ort$|^ville$|\bcity name$|billingcity|shippingcity", "city"),
    (r"\b(iso|alpha|country)\b.*(\b3|a3)$|\balpha3$|\biso ?3$", "country_code3"),
    (r"\bcountry ?(region ?)?(code|iso|cd|abbr)\b|\bcntry( ?(code|cd))?$|\biso( alpha)?( 3166)? ?(a ?)?2$|^iso code$", "country_code"),
    (r"\bcountry( ?region)?( ?name)?$|\bnationality$|\bcitizenship$|\bcntry ?name$|^land$|billingcountry", "country"),
    (r"\b(state|province|region) ?(province ?)?(code|abbr(eviation)?|cd)$", "state_code"),
    (r"\b(state ?province|province|county|prefecture|canton|bundesland|state name|departement)( name)?$", "state"),
    (r"\b(bill(ing)?|ship(ping)?|mail(ing)?|home|work|postal|recipient|payer|contact) ?state( name)?$", "state"),
    (r"\bstate$", "state_word"),
    (r"\bcontinent( name)?$", "continent"),
    (r"\btime ?zone( ?(name|id))?$|\btz(id|data)?$|\bzone name$", "timezone"),
    (r"\b(full|formatted|complete) ?address$", "full_address"),
    (r"\b(addr(ess)?( ?line)?|street|adresse) ?([2-9]|1\d)$|\baddress (extra|addition|suffix)$|\b(suite|apartment|apt|floor)( ?(no|number))?$", "address_extra"),
    (r"\b(house|street|building) ?(no|nr|number)$|\bhausnummer$", "house_number"),
    (r"\bstreet( ?name)$|^strasse$|^rue$", "street"),
    (r"\bstreet\b|\baddr(ess)?( ?line)?( ?1)?$|^adresse$|(billing|shipping|mailing|postal|home|work|legal) ?address( ?1)?$|billingaddress", "street_address"),
    # firms and money
    (
        r"\b(company|organi[sz]ation|org|employer|vendor|supplier|merchant|manufacturer|publisher|institution|affiliation|"
        r"brand|institute|facility|firm|label company|airline|bank|shop|store|legal entity|studio)( ?names?)?$|^firma$",
        "company",
    ),
    (r"\bdepartments?( ?name)?$|\bdept( ?name)?$|\bdivision$|\bcost ?cent(er|re)$", "department"),
    (r"\b(product|item|article|variant|part|good) ?name$", "product_name"),
    (r"\bcurrency|currency( ?code)?$(?<!concurrency)|\bccy$|^curr$|\bcurrency code$", "currency"),
    (r"\blocale$|\bculture( id)?$", "locale"),
    (r"\blanguage ?name$", "language_name"),
    (r"\blang(uage)?s?( ?(code|iso|id|cd))?( 2)?$|\biso ?639", "language"),
    # files and the web
    (r"\bhex ?colou?r|\bcolou?r ?(hex|code|value)$|\bbackground colou?r$", "color_hex"),
    (r"\bcolou?rs?( name)?$", "color"),
    (r"\bfile ?ext(ension)?$|^ext(ension)?$", "extension"),
    (r"\b(file|document|attachment|upload|image|original|asset) ?(file ?)?names?$|\bfile ?name|^(file|attachment|datei)$", "file_name"),
    (r"\bpath$|\bfile ?path|\b(directory|folder|dir)$|\bmount point$|\bstorage key$|\bobject key$|^location path$", "file_path"),
    (r"^icon$|\bicon name$", "icon"),
    (r"\b(avatar|image|img|photo|picture|pic|thumb|thumbnail|logo|icon|banner|poster|cover)( ?(url|uri|link|src|image))?$", "image_url"),
    (r"\b(url|uri|href|link|website|web ?site|homepage|home page|webhook|endpoint|blog|web|permalink|feed)s?$|\bur[il]\b", "url"),
    (r"\b(host|server|node|peer|ftp host) ?(names?)?$|\bfqdn$|\bhost ?name\b", "hostname"),
    (r"\b(sub)?domain( ?name)?s?$", "domain"),
    (r"\bslug$|\burl ?key$|\bseo name$|^post name$|\bpermalink\b", "slug"),
    (r"\b(soft ?ware |app |api |schema |engine |os |firmware )?version( ?(no|number|name|tag|string))?$|\bsemver$|^ver$", "version"),
    # documents kept as texts
    (r"\bmark ?down\b|\bmd$|\breadme$", "markdown"),
    (r"\bxml\b|\bxslt$", "xml"),
    (
        r"\bjson\b|\b(payload|params|parameters|arguments|args|meta ?data|settings|options|config|configuration|preferences|"
        r"properties|attributes|custom (fields|properties|data)|extra|context|raw ?data|session ?data|form data|headers|"
        r"filters|object changes|handler cfg|data ?type config|request body|response body|definition)$",
        "json_text",
    ),
    (r"\b(sql|query|queries|query ?text|statement)$", "query_text"),
    (r"\b(command|cmd|script|command ?line)$", "command"),
    (r"\b(error|exception|failure|warning)s?( ?(message|msg|text|details?|string|reason))?$|^last error", "error_message"),
    (r"\breasons?\b", "reason"),
    # dates and numbers kept as texts
    (r"\bweek ?day( name)?$|\bday of ?(the )?week$|\bday ?name$", "weekday"),
    (r"\bmonth( ?name)?$", "month"),
    (r"\b(date|datum)$|\bdate ?(of )?birth$|\bdob$|\bday$", "date_text"),
    (r"\b(at|timestamp|date ?time)$", "moment_text"),
    (r"\b(time|start time|end time)$", "time_text"),
    (r"\byear$|\bvintage$", "year_text"),
    (r"\b(count|qty|quantity|pages|duration|age|num|size bytes|sort order|position|rank|score|rating)$", "number_text"),
    (r"\b(amount|amt|price|cost|total|balance|fee|rate|salary)$", "amount_text"),
    # vocabularies
    (r"\bprovider( ?name)?$|\bidp$|\bidentity provider\b", "provider"),
    (r"\bchannel( ?name)?$", "channel"),
    (r"\b(source|origin)( ?(name|system))?$", "source"),
    (r"\b(frequency|interval|period|recurrence|repeat|billing cycle)$", "frequency"),
    (r"\blicen[cs]e( ?name)?$", "license"),
    (r"\b(units?|uom|measure|unit of measure|unit name|unit symbol)$|uom$", "unit"),
    (r"\balgorithm$|\balg$|\bcipher$", "algorithm"),
    (r"\bmaterial$", "material"),
    (r"\bplan( name)?$|\btier$", "plan"),
    (r"(^|shirt |clothing )sizes?$", "size"),
    (r"\b(sub ?)?categor(y|ies)( ?name)?$|\bgenre$|\btopic$|\bsection$", "category"),
    (r"\btags?( ?names?)?$|\blabels$|\bkey ?words?$", "tag"),
    (rf"^(key|k)$|\b{_SETTING} ?(key|name)$", "setting_key"),
    (rf"^(value|val|v)$|\b{_SETTING} ?value$|\b(default|old|new|previous) value$", "setting_value"),
    # prose
    (r"\b(title|subject|headline|heading|subtitle|caption|tag ?line|slogan|motto)( \d)?$", "title"),
    (r"\b(question|prompt|quote|sentence|hint|tooltip|alt text)$", "sentence"),
    (
        r"\b(descriptions?|descr?|summary|abstract|overview|body|contents?|comments?|comment text|notes?|remarks?|messages?|"
        r"msg|text|bio|biography|about|details?|instructions?|terms|explanation|excerpt|blurb|story|memo|narrative|"
        r"feedback|review|answer|response|reply|observation|definition|bemerkung(en)?|beschreibung|html|snippet|criteria|"
        r"synopsis|plot|lyrics|disclaimer|footer|signature text|log|output|post|annotation|advice|info|information|"
        r"justification|agenda)( (html|text|formatted|plain|raw))?( \d)?$",
        "paragraph",
    ),
    (r"\b(reference|ref|number|no|nr|num|serial|code|external id|identifier|symbol|acronym|abbreviation|key|account|index)( \d)?$", "reference"),
    (r"\bnames?( \d)?$|^name\b|\blabel$|\balias$|^word$", "name"),
    (r"\b(queue|topic|table|column|schema|function|field|tool|metric|namespace|team|group|project)\b", "word"),
)  # fmt: skip

# What an hour, a day or a room costs is money, where other rates are shares.
RATE_OF_PAY = r"\b(hour|hourly|day|daily|night|nightly|week|weekly|month|monthly|year|yearly|annual|pay|billing|billable|labou?r|room) rate$"

NUMBER: Rules = _rules(
    (r"\b(rating|stars|score|grade)$", "rating"),
    (r"\bquantity|\bqty|\bquantities$", "quantity"),
    (RATE_OF_PAY, "money"),
    (r"\b(percentage|percent|pct|discount pct)$", "percent"),
    (r"\b(rate|ratio|share|probability|fraction|weighting|confidence)$", "rate"),
    (r"shipping|delivery (fee|cost)|\bfreight$", "small_money"),
    (r"\b(tax|vat|fee|fees|discount|tip|surcharge|commission)\b", "small_money"),
    (r"price|amount|\bamt\b|cost|total(?! (count|rows|items))|balance|revenue|salary|budget|payment|income|wage|turnover", "money"),
    (r"\b(fare|deposit|bonus|refund|rent|tuition|earnings|profit|allowance|stipend|msrp|expenses?|payout|proceeds|debt|donation)$", "money"),
    (r"latitude|\blat$", "latitude"),
    (r"longitude|\b(lng|lon|long)$", "longitude"),
    (r"\byear$|\byr$", "year"),
    (r"\bmonth$", "month_number"),
    (r"\b(day|weekday|day of week|dow)$", "weekday_number"),
    (r"\bhour$", "hour"),
    (r"\bage$", "age"),
    (r"\b(http |response |status ?)code$|^http status$", "http_status"),
    (r"\bport$|\bport number$", "port"),
    (r"\b(duration|elapsed|latency|ms|millis|milliseconds|seconds|timeout|ttl|minutes)$", "duration"),
    (r"\b(file ?size|bytes|content length|byte size|size bytes)$", "bytes"),
    (r"\bweight|grams|length|\bwidth|\bheight|\bsize|\barea$|\bdistance|\bdepth m$|\bvolume$", "measure"),
    (r"stock|inventory|on hand|available|reserved", "stock"),
    (r"\b(level|depth)$|\b(attempt|retry|retries)( ?(no|number|count))?$", "level"),
    (r"\b(position|sort order|rank|line number|sequence|version|ordinal|display order|sort|order number|seq|lft|rgt)$", "ordinal"),
    (r"count|number of|\btotal$|\bnum\b|views|likes|\bhits$|attempts|retries|points|\bvotes$|clicks|impressions|visits", "count"),
)  # fmt: skip

TIME: Rules = _rules(
    (
        r"^(created|inserted|registered|added|placed|posted|logged|occurred|creation|create|insert|entry|order|ordered|"
        r"signup|joined|submitted)( ?(at|on|time|date|ts|datetime|timestamp|dt))?$|^(date ?created|created ?date|timestamp|ts)$",
        "created",
    ),
    (
        r"^(updated|modified|changed|last ?(updated?|modified|changed|edited)|write|edited)( ?(at|on|time|date|ts|datetime|dt))?$|"
        r"^date ?(updated|modified)$",
        "updated",
    ),
    (r"delet|archiv|cancel|closed|removed|discarded|banned|suspended|revoked|retired|voided", "deleted"),
    (r"birth|\bdob$|\bborn\b", "birth_date"),
    (
        r"\b(appointment|appt|reservation|meeting|interview)( (at|on|date|time|start))?$|\bscheduled (for|start|date|time|on)$|"
        r"\bbooked for$|\bcheck ?in( (date|time))?$|\bnext (visit|meeting|session|lesson|call|appointment)",
        "appointment",
    ),
    (r"\bcheck ?out( (date|time))?$|\bscheduled end$", "appointment_end"),
    (r"expir|valid until|valid to|\bdue\b|deadline|\bends?\b|\bexp$|\buntil$", "expires"),
)  # fmt: skip

# Of appointments the ends have plain names: `starts_at`, `ends_at`, `date`.
APPOINTED = re.compile(
    r"\b(appointments?|bookings?|reservations?|meetings?|shifts?|lessons?|classes|consultations?|rentals?|viewings?|"
    r"interviews?|events?|slots?)$"
)
APPOINTMENT: Rules = _rules(
    (
        r"\b(starts?|begins?|from|scheduled)( (at|on|time|date))?$|^(date|time|when|day|day of|takes place)( (at|on))?$",
        "appointment",
    ),
    (r"\b(ends?|finish(es)?|to|until)( (at|on|time|date))?$", "appointment_end"),
)

DOCUMENT: Rules = _rules(
    (r"address", "address_document"),
    (r"preference|setting|config", "settings_document"),
    (r"profile", "profile_document"),
    (r"attribute|option|metadata|properties|specs?$", "product_document"),
)

# What a column called `name` (or `code`) holds depends on the table; the first word that the table's name has wins.
TABLES: Rules = _rules(
    (r"\bcountr(y|ies)\b|\bnations?\b", "country"),
    (r"\b(cit(y|ies)|towns?)\b", "city"),
    (r"\b(states?|provinces?|regions?|count(y|ies))\b", "state"),
    (r"\bcurrenc(y|ies)\b", "currency"),
    (r"\blanguages?\b", "language_name"),
    (r"\b(categor(y|ies)|genres?|topics?|sections?)\b", "category"),
    (r"\b(tags?|labels?|keywords?)\b", "tag"),
    (r"\bdepartments?\b", "department"),
    (r"\broles?\b", "role"),
    (r"\bcolou?rs?\b", "color"),
    (r"\b(files?|attachments?|uploads?|blobs?|documents?|images?|photos?|media)\b", "file_name"),
    (
        r"\b(users?|customers?|persons?|people|employees?|members?|contacts?|authors?|patients?|actors?|artists?|staff|students?|"
        r"teachers?|doctors?|drivers?|guests?|candidates?|players?|clients?|passengers?|owners?|profiles?|"
        r"subscribers?|leads?|attendees?|participants?|visitors?|voters?|buyers?|sellers?|donors?|volunteers?|applicants?|"
        r"speakers?|recipients?|agents?|trainers?|coaches|instructors?|nurses?|physicians?|tutors?|learners?)\b",
        "full_name",
    ),
    (
        r"\b(vendors?|compan(y|ies)|organi[sz]ations?|suppliers?|tenants?|merchants?|shops?|stores?|partners?|publishers?|brands?|"
        r"manufacturers?|institutions?|airlines?|banks?|shippers?|accounts?|hospitals?|schools?|warehouses?)\b",
        "company",
    ),
    (r"\b(products?|items?|articles?|variants?|listings?|goods|parts?|skus?)\b", "product_name"),
)  # fmt: skip
CODES: dict[str, str] = {
    "country": "country_code",
    "currency": "currency",
    "language_name": "language",
    "state": "state_code",
}
