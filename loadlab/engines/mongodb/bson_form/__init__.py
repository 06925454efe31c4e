"""Arrow record batches as BSON documents, column by column, never row by row.

The format (https://bsonspec.org/spec.html): a document is a 32-bit length, elements and a zero byte; an element is a
byte for its type, its name with a zero byte behind it, and its value; integers are little-endian. NULL is an element
that is not there; within an array it is the null of BSON.

| Arrow | BSON |
| --- | --- |
| int8, int16, int32 / uint32, int64 | 32 bits / 64 bits |
| float32, float64 | double |
| decimal128 | decimal128, of 34 digits at most |
| bool | boolean |
| string; time64 | string; `13:05:00.000000` |
| string of a column of kind json | its value |
| fixed-size binary of 16; binary | binary, subtype 4 (UUID); subtype 0 |
| binary of a column of type `objectId` | ObjectId |
| binary of a column of kind geometry, point | GeoJSON |
| date32, timestamp | date, in milliseconds, what is finer cut off |
| duration | 64 bits, microseconds |
| list; struct, map | array; document |

`documents` puts elements together, `values` leads from a column to the function of its type: `scalars`, `decimals`,
`points`, `json_values`; what is made of other values is in `nested`.
"""

from loadlab.engines.mongodb.bson_form.documents import Documents, documents
from loadlab.engines.mongodb.bson_form.nested import Part
from loadlab.engines.packed_bytes import CannotEncodeError

__all__ = ["CannotEncodeError", "Documents", "Part", "documents"]
