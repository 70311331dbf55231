-- case: a dropped column that comes back empty
-- class: Restore proved
-- lost: public.orders.legacy 40
-- reason: public.orders
-- up
ALTER TABLE orders DROP COLUMN legacy;
-- down
ALTER TABLE orders ADD COLUMN legacy text;

-- case: a dropped table that comes back empty
-- class: Restore proved
-- lost: public.settings 2
-- up
DROP TABLE settings;
-- down
CREATE TABLE settings (key text, value text);

-- case: deleted rows that nobody puts back
-- class: Restore proved
-- lost: public.orders 10
-- up
DELETE FROM orders WHERE id <= 10;
-- down
SELECT 1;

-- case: overwritten values
-- class: Restore proved
-- lost: public.orders.note 100
-- up
UPDATE orders SET note = upper(note);
-- down
SELECT 1;

-- case: a type change that rounds
-- class: Restore proved
-- lost: public.orders.note 100
-- up
ALTER TABLE orders ALTER COLUMN note TYPE int USING length(note);
-- down
ALTER TABLE orders ALTER COLUMN note TYPE text USING note::text;

-- case: a shortened text
-- class: Restore proved
-- lost: public.customers.email 20
-- up
ALTER TABLE customers ALTER COLUMN email TYPE varchar(5) USING left(email, 5);
-- down
ALTER TABLE customers ALTER COLUMN email TYPE text;

-- case: NULLs that are filled
-- class: Restore proved
-- lost: public.orders.legacy 60
-- up
UPDATE orders SET legacy = '-' WHERE legacy IS NULL;
ALTER TABLE orders ALTER COLUMN legacy SET NOT NULL;
-- down
ALTER TABLE orders ALTER COLUMN legacy DROP NOT NULL;

-- case: a truncated table
-- class: Restore proved
-- lost: public.settings 2
-- up
TRUNCATE settings;
-- down
SELECT 1;

-- case: no down
-- class: Restore proved
-- reason: 2_case
-- up
ALTER TABLE orders RENAME COLUMN note TO remark;

-- case: an empty down
-- class: Restore proved
-- reason: 2_case
-- up
ALTER TABLE orders RENAME COLUMN note TO remark;
-- down
-- nothing to do

-- case: a lying down
-- class: Restore proved
-- reason: public.orders.remark
-- up
ALTER TABLE orders RENAME COLUMN note TO remark;
-- down
UPDATE orders SET qty = qty;

-- case: a down that forgets the index
-- class: Restore proved
-- reason: by_note
-- up
DROP VIEW totals;
CREATE INDEX by_note ON orders (note);
-- down
CREATE VIEW totals AS SELECT customer_id, sum(total) AS total FROM orders GROUP BY customer_id;

-- case: a down that brings back another default
-- class: Restore proved
-- reason: public.orders.qty
-- up
ALTER TABLE orders ALTER COLUMN qty DROP DEFAULT;
-- down
ALTER TABLE orders ALTER COLUMN qty SET DEFAULT 7;

-- case: a down that fails
-- class: Restore proved
-- reason: does not exist
-- up
ALTER TABLE orders RENAME COLUMN note TO remark;
-- down
ALTER TABLE orders RENAME COLUMN remarks TO note;

-- case: a down that restores the schema but not the data
-- class: Restore proved
-- lost: public.customers.name 20
-- up
ALTER TABLE customers DROP COLUMN name;
ALTER TABLE customers ADD COLUMN full_name text;
-- down
ALTER TABLE customers DROP COLUMN full_name;
ALTER TABLE customers ADD COLUMN name varchar(20);

-- case: the second of two is not reversible
-- class: Restore proved
-- lost: public.orders.legacy 40
-- reason: 3_case
-- up
ALTER TABLE orders ALTER COLUMN qty SET DEFAULT 2;
-- down
ALTER TABLE orders ALTER COLUMN qty SET DEFAULT 1;
-- up
ALTER TABLE orders DROP COLUMN legacy;

-- case: a sequence that is moved back
-- class: Restore proved
-- reason: public.ticket
-- up
SELECT setval('ticket', 900);
-- down
SELECT setval('ticket', 10);
