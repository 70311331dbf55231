-- case: additive, and the old release was tried, but not started
-- at_start: checks-history
-- old: INSERT INTO orders (customer_id, total) VALUES (1, 5); UPDATE customers SET age = 30 WHERE id = 1
-- class: PreserveAndRevert proved
-- overlap: proved
-- preserve: public.orders (remark)
-- up
ALTER TABLE orders ADD COLUMN remark text;
-- down
ALTER TABLE orders DROP COLUMN remark;

-- case: additive, and the old release was tried
-- old: INSERT INTO orders (customer_id, total) VALUES (1, 5); UPDATE customers SET age = 30 WHERE id = 1
-- class: CodeOnly proved
-- overlap: proved
-- up
ALTER TABLE orders ADD COLUMN remark text;
-- down
ALTER TABLE orders DROP COLUMN remark;

-- case: a required column without a default breaks the old release
-- old: INSERT INTO orders (customer_id, total) VALUES (1, 5)
-- class: PreserveAndRevert proved
-- overlap: no
-- reason: "kind"
-- preserve: public.orders (kind)
-- up
ALTER TABLE orders ADD COLUMN kind text NOT NULL DEFAULT 'x';
ALTER TABLE orders ALTER COLUMN kind DROP DEFAULT;
-- down
ALTER TABLE orders DROP COLUMN kind;

-- case: a trigger breaks the old release
-- old: INSERT INTO orders (customer_id, total, qty) VALUES (1, 5, 50)
-- class: Revert proved
-- overlap: no
-- reason: too many
-- up
CREATE FUNCTION few() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.qty > 10 THEN RAISE EXCEPTION 'too many'; END IF; RETURN NEW; END $$;
CREATE TRIGGER few BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION few();
-- down
DROP TRIGGER few ON orders;
DROP FUNCTION few();

-- case: a constraint breaks the old release
-- old: INSERT INTO orders (customer_id, total, qty) VALUES (1, 5, 50)
-- class: Revert proved
-- overlap: no
-- reason: few
-- up
ALTER TABLE orders ADD CONSTRAINT few CHECK (qty < 10) NOT VALID;
-- down
ALTER TABLE orders DROP CONSTRAINT few;

-- case: a rename breaks the old release
-- old: INSERT INTO orders (customer_id, total, note) VALUES (1, 5, 'x')
-- class: Revert proved
-- overlap: no
-- reason: note
-- up
ALTER TABLE orders RENAME COLUMN note TO remark;
-- down
ALTER TABLE orders RENAME COLUMN remark TO note;

-- case: the old release does not use the column that is dropped
-- old: INSERT INTO orders (customer_id, total) VALUES (1, 5)
-- class: CodeOnly proved
-- overlap: proved
-- lost: public.orders.legacy 40
-- up
ALTER TABLE orders DROP COLUMN legacy;

-- case: the old release's own migrator refuses a history that it does not know
-- old: DO $do$ BEGIN IF EXISTS (SELECT FROM _sqlx_migrations WHERE version > 1) THEN RAISE EXCEPTION 'unknown version'; END IF; END $do$
-- class: PreserveAndRevert proved
-- overlap: no
-- reason: unknown version
-- preserve: public.orders (remark)
-- up
ALTER TABLE orders ADD COLUMN remark text;
-- down
ALTER TABLE orders DROP COLUMN remark;

-- case: a test that fails on the data as it was proves nothing
-- old: SELECT no_such_column FROM orders
-- class: CodeOnly assumed
-- finding: so it proves nothing
-- up
ALTER TABLE orders ADD COLUMN remark text;
-- down
ALTER TABLE orders DROP COLUMN remark;

-- case: a query of the old release that fails afterwards
-- queries: SELECT note FROM orders WHERE id = $1; SELECT nothing FROM nowhere;
-- class: Revert proved
-- overlap: no
-- reason: SELECT note FROM orders
-- up
ALTER TABLE orders RENAME COLUMN note TO remark;
-- down
ALTER TABLE orders RENAME COLUMN remark TO note;

-- case: a query that never worked does not count
-- queries: SELECT nothing FROM nowhere;
-- class: CodeOnly assumed
-- up
ALTER TABLE orders ADD COLUMN remark text;
-- down
ALTER TABLE orders DROP COLUMN remark;
