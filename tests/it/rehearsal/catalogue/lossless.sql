-- case: a renamed column
-- class: Revert proved
-- overlap: no
-- reason: 2_case
-- up
ALTER TABLE orders RENAME COLUMN note TO remark;
-- down
ALTER TABLE orders RENAME COLUMN remark TO note;

-- case: a renamed table
-- class: Revert proved
-- overlap: no
-- up
ALTER TABLE settings RENAME TO options;
-- down
ALTER TABLE options RENAME TO settings;

-- case: a changed default
-- class: Revert proved
-- up
ALTER TABLE orders ALTER COLUMN qty SET DEFAULT 2;
-- down
ALTER TABLE orders ALTER COLUMN qty SET DEFAULT 1;

-- case: a dropped default
-- class: Revert proved
-- up
ALTER TABLE orders ALTER COLUMN qty DROP DEFAULT;
-- down
ALTER TABLE orders ALTER COLUMN qty SET DEFAULT 1;

-- case: a changed function
-- class: Revert proved
-- up
CREATE OR REPLACE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note := 'new'; RETURN NEW; END $$;
-- down
CREATE OR REPLACE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.total := coalesce(NEW.total, 0); RETURN NEW; END $$;

-- case: a dropped trigger
-- class: Revert proved
-- up
DROP TRIGGER stamped ON orders;
-- down
CREATE TRIGGER stamped BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION stamp();

-- case: a redefined view
-- class: Revert proved
-- up
CREATE OR REPLACE VIEW totals AS SELECT customer_id, sum(total) AS total FROM orders WHERE total > 1 GROUP BY customer_id;
-- down
CREATE OR REPLACE VIEW totals AS SELECT customer_id, sum(total) AS total FROM orders GROUP BY customer_id;

-- case: grants
-- class: Revert proved
-- up
GRANT SELECT ON orders TO PUBLIC;
-- down
REVOKE SELECT ON orders FROM PUBLIC;

-- case: a dropped index
-- class: Revert proved
-- up
DROP INDEX by_state;
-- down
CREATE INDEX by_state ON orders (state);

-- case: a type change that loses nothing
-- class: Revert proved
-- up
ALTER TABLE customers ALTER COLUMN created TYPE timestamp USING created AT TIME ZONE 'UTC';
-- down
ALTER TABLE customers ALTER COLUMN created TYPE timestamptz USING created AT TIME ZONE 'UTC';

-- case: a sequence that is moved on
-- class: Revert proved
-- up
SELECT setval('ticket', 900);
-- down
SELECT setval('ticket', 900);

-- case: a partition that is detached and attached
-- class: Revert proved
-- up
ALTER TABLE events DETACH PARTITION events_2025;
-- down
ALTER TABLE events ATTACH PARTITION events_2025 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');

-- case: a constraint that is not validated and validated
-- class: Revert proved
-- up
ALTER TABLE orders ADD CONSTRAINT qty_is_some CHECK (qty > 0) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT qty_is_some;
-- down
ALTER TABLE orders DROP CONSTRAINT qty_is_some;

-- case: a unique key
-- class: Revert proved
-- up
ALTER TABLE settings ADD CONSTRAINT settings_key UNIQUE (key);
-- down
ALTER TABLE settings DROP CONSTRAINT settings_key;

-- case: NOT NULL
-- class: Revert proved
-- up
ALTER TABLE customers ALTER COLUMN age SET NOT NULL;
-- down
ALTER TABLE customers ALTER COLUMN age DROP NOT NULL;

-- case: rows that are copied, and taken away again
-- class: Revert proved
-- up
INSERT INTO settings SELECT 'n' || i, 'x' FROM generate_series(1, 5) i;
-- down
DELETE FROM settings WHERE key LIKE 'n_';

-- case: a data migration that is undone exactly
-- class: Revert proved
-- up
UPDATE orders SET qty = qty + 100;
-- down
UPDATE orders SET qty = qty - 100;

-- case: rows that are deleted with a copy, and put back
-- class: PreserveAndRevert proved
-- preserve: public.old_orders
-- up
CREATE TABLE old_orders AS SELECT * FROM orders WHERE id <= 10;
DELETE FROM orders WHERE id <= 10;
-- down
INSERT INTO orders SELECT * FROM old_orders;
DROP TABLE old_orders;

-- case: a table that is split, and joined again
-- class: PreserveAndRevert proved
-- preserve: public.ages
-- up
CREATE TABLE ages (customer_id bigint PRIMARY KEY REFERENCES customers, age int);
INSERT INTO ages SELECT id, age FROM customers;
ALTER TABLE customers DROP COLUMN age;
-- down
ALTER TABLE customers ADD COLUMN age int;
UPDATE customers c SET age = a.age FROM ages a WHERE a.customer_id = c.id;
DROP TABLE ages;

-- case: row security
-- class: Revert proved
-- up
ALTER TABLE settings ENABLE ROW LEVEL SECURITY;
CREATE POLICY everything ON settings USING (true);
-- down
DROP POLICY everything ON settings;
ALTER TABLE settings DISABLE ROW LEVEL SECURITY;

-- case: a statistics target
-- class: CodeOnly assumed
-- up
ALTER TABLE orders ALTER COLUMN note SET STATISTICS 500;
-- down
ALTER TABLE orders ALTER COLUMN note SET STATISTICS -1;
