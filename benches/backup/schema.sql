-- A database of mixed types: short rows and long ones, numbers, text, documents, binary, indexes, a foreign key.
-- :scale 1 is about 2.2 GiB on disk.
CREATE TABLE customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    email text NOT NULL,
    profile jsonb NOT NULL,
    tags text[] NOT NULL,
    created timestamptz NOT NULL,
    full_name text GENERATED ALWAYS AS (upper(name)) STORED
);
INSERT INTO customers (name, email, profile, tags, created)
SELECT 'Customer ' || i, 'c' || i || '@example.org',
       jsonb_build_object('city', md5((i % 997)::text), 'score', i % 101, 'note', repeat(md5(i::text), 3)),
       ARRAY['t' || i % 7, 't' || i % 11],
       timestamptz '2024-01-01 00:00+00' + i * interval '7 seconds'
FROM generate_series(1, (1000000 * :scale)::int) i;
CREATE INDEX ON customers (email);
CREATE INDEX ON customers USING gin (tags);

CREATE TABLE orders (
    id bigint PRIMARY KEY,
    customer bigint NOT NULL,
    total numeric(12, 2) NOT NULL,
    weight double precision,
    state text NOT NULL,
    placed timestamptz NOT NULL
);
INSERT INTO orders
SELECT i, 1 + (i::bigint * 7919) % (1000000 * :scale)::bigint, (i % 100000) / 100.0, random(),
       (ARRAY['new', 'paid', 'sent', 'done'])[1 + i % 4],
       timestamptz '2024-01-01 00:00+00' + i * interval '1 second'
FROM generate_series(1, (6000000 * :scale)::int) i;
CREATE INDEX ON orders (customer);
CREATE INDEX ON orders (placed);
ALTER TABLE orders ADD FOREIGN KEY (customer) REFERENCES customers (id);

CREATE TABLE documents (id int PRIMARY KEY, kind uuid NOT NULL, body text NOT NULL, raw bytea NOT NULL);
-- Text that compresses about as well as prose does, and bytes that do not.
INSERT INTO documents
SELECT i, md5(i::text)::uuid,
       (SELECT string_agg(substr(md5((i * 31 + j % 40)::text), 1, 3 + j % 7), ' ') FROM generate_series(1, 300) j),
       decode((SELECT string_agg(md5((i * 1000 + j)::text), '') FROM generate_series(1, 40) j), 'hex')
FROM generate_series(1, (170000 * :scale)::int) i;

CREATE TABLE events (at timestamptz NOT NULL, kind smallint NOT NULL, payload text) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2024-07-01');
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2024-07-01') TO ('2030-01-01');
INSERT INTO events
SELECT timestamptz '2024-01-01 00:00+00' + i * interval '8 seconds', i % 30, md5(i::text)
FROM generate_series(1, (4000000 * :scale)::int) i;
CREATE INDEX ON events (at);
ANALYZE;
