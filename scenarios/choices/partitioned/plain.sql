CREATE TABLE readings (
    device_id integer NOT NULL,
    at timestamptz NOT NULL,
    value double precision NOT NULL
);
CREATE INDEX readings_device ON readings (device_id, at DESC);
CREATE INDEX readings_at ON readings (at);
