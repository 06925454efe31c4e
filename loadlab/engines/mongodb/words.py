"""The words that the server knows, as MongoDB's documentation lists them up to 8.3: what a typo is told from.

Sources: https://www.mongodb.com/docs/manual/reference/command/ (a page for each command),
https://www.mongodb.com/docs/manual/reference/mql/aggregation-stages/,
https://www.mongodb.com/docs/manual/reference/mql/query-predicates/ and
https://www.mongodb.com/docs/manual/reference/mql/update/. Operators of expressions are many, and grow with every
version: they are left to the server.
"""

from __future__ import annotations

from collections.abc import Mapping

_EVERY = (
    "comment", "maxTimeMS", "readConcern", "writeConcern", "$readPreference", "apiVersion", "apiStrict",
    "apiDeprecationErrors",
)  # fmt: skip
COMMAND_KEYS: Mapping[str, tuple[str, ...]] = {
    "find": (
        "filter", "sort", "projection", "hint", "skip", "limit", "batchSize", "singleBatch", "max", "min",
        "returnKey", "showRecordId", "tailable", "oplogReplay", "noCursorTimeout", "awaitData", "allowPartialResults",
        "collation", "allowDiskUse", "let",
        *_EVERY,
    ),
    "aggregate": (
        "pipeline", "explain", "allowDiskUse", "cursor", "bypassDocumentValidation", "collation", "hint", "let",
        *_EVERY,
    ),
    "count": (
        "query", "limit", "skip", "hint", "collation",
        *_EVERY,
    ),
    "distinct": (
        "key", "query", "collation", "hint",
        *_EVERY,
    ),
    "insert": (
        "documents", "ordered", "bypassDocumentValidation",
        *_EVERY,
    ),
    "update": (
        "updates", "ordered", "bypassDocumentValidation", "let",
        *_EVERY,
    ),
    "delete": (
        "deletes", "ordered", "let",
        *_EVERY,
    ),
    "findAndModify": (
        "query", "sort", "remove", "update", "new", "fields", "upsert", "bypassDocumentValidation", "collation",
        "arrayFilters", "hint", "let",
        *_EVERY,
    ),
}  # fmt: skip
"""What a command may have beside its collection."""
ITEM_KEYS: Mapping[str, tuple[str, ...]] = {
    "updates": ("q", "u", "c", "upsert", "multi", "collation", "arrayFilters", "hint", "sort"),
    "deletes": ("q", "limit", "collation", "hint"),
}
"""What an item of such a list may have."""
STAGES = (
    "$addFields", "$bucket", "$bucketAuto", "$changeStream", "$changeStreamSplitLargeEvent", "$collStats", "$count",
    "$currentOp", "$densify", "$documents", "$facet", "$fill", "$geoNear", "$graphLookup", "$group", "$indexStats",
    "$limit", "$listClusterCatalog", "$listLocalSessions", "$listSampledQueries", "$listSearchIndexes",
    "$listSessions", "$lookup", "$match", "$merge", "$out", "$planCacheStats", "$project", "$querySettings",
    "$queryStats", "$rankFusion", "$redact", "$replaceRoot", "$replaceWith", "$sample", "$score", "$scoreFusion",
    "$search", "$searchMeta", "$set", "$setWindowFields", "$shardedDataDistribution", "$skip", "$sort",
    "$sortByCount", "$unionWith", "$unset", "$unwind", "$vectorSearch",
)  # fmt: skip
UPDATE_STAGES = (
    "$addFields", "$set", "$project", "$unset", "$replaceRoot", "$replaceWith",
)  # fmt: skip
FILTER_WORDS = (
    "$and", "$or", "$nor", "$expr", "$text", "$where", "$comment", "$jsonSchema", "$sampleRate", "$alwaysTrue",
    "$alwaysFalse",
)  # fmt: skip
"""Operators of a filter that stand where a field's name could."""
FIELD_WORDS = (
    "$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$exists", "$type", "$mod", "$regex", "$options",
    "$not", "$all", "$elemMatch", "$size", "$bitsAllClear", "$bitsAllSet", "$bitsAnyClear", "$bitsAnySet",
    "$geoIntersects", "$geoWithin", "$within", "$near", "$nearSphere", "$maxDistance", "$minDistance", "$comment",
    "$expr", "$jsonSchema",
)  # fmt: skip
"""Operators of a filter behind a field."""
VALUE_WORDS = (
    "$ref", "$id", "$db", "$code", "$scope", "$symbol", "$dbPointer", "$undefined",
)  # fmt: skip
"""Of values, not operators: references to documents, and types of BSON that are no longer made."""
UPDATE_WORDS = (
    "$currentDate", "$inc", "$min", "$max", "$mul", "$rename", "$set", "$setOnInsert", "$unset", "$addToSet", "$pop",
    "$pull", "$push", "$pullAll", "$bit",
)  # fmt: skip
