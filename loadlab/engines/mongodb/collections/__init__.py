"""What a collection is made with, and what is read from one: validators and indexes, each way.

`types` says what a column's type is in a validator, `validator` puts the columns, CHECKs and references of a table into
one and reads them from one, `expressions` and `conditions` lead from conditions in SQL to those of MongoDB and back,
`indexes` does the same for indexes. `translate` takes a whole schema, `script` reads one in MongoDB's own words,
`reflect` one from the server.
"""
