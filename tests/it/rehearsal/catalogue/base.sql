CREATE TYPE mood AS ENUM ('ok', 'bad');
CREATE TABLE customers (
    id bigserial PRIMARY KEY,
    email text NOT NULL UNIQUE,
    name varchar(20),
    age int,
    active boolean NOT NULL DEFAULT true,
    created timestamptz NOT NULL DEFAULT '2026-01-01'
);
CREATE TABLE orders (
    id bigserial PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers,
    total numeric(10,2) NOT NULL CONSTRAINT total_is_paid CHECK (total >= 0),
    note text,
    state mood NOT NULL DEFAULT 'ok',
    qty int NOT NULL DEFAULT 1,
    legacy text
);
CREATE TABLE events (id bigint NOT NULL, at date NOT NULL, data jsonb, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE settings (key text, value text);
CREATE VIEW totals AS SELECT customer_id, sum(total) AS total FROM orders GROUP BY customer_id;
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.total := coalesce(NEW.total, 0); RETURN NEW; END $$;
CREATE TRIGGER stamped BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE SEQUENCE ticket;
CREATE INDEX by_state ON orders (state);
INSERT INTO customers (email, name, age) SELECT 'c' || i || '@example.org', 'name ' || i, i FROM generate_series(1, 20) i;
INSERT INTO orders (customer_id, total, note, qty, legacy)
    SELECT 1 + i % 20, i, 'note ' || i, 1 + i % 5, CASE WHEN i <= 40 THEN 'old ' || i END FROM generate_series(1, 100) i;
INSERT INTO events SELECT i, date '2025-06-01' + i, '{}' FROM generate_series(1, 400) i;
INSERT INTO settings VALUES ('colour', 'red'), ('size', 'big');
SELECT setval('ticket', 500);
