-- case: NOT NULL is relaxed, and the down sets it again
-- class: Restore proved
-- reason: a NULL in public.orders.qty
-- up
ALTER TABLE orders ALTER COLUMN qty DROP NOT NULL;
-- down
ALTER TABLE orders ALTER COLUMN qty SET NOT NULL;

-- case: NOT NULL is relaxed, and the down fills in
-- class: PreserveAndRevert proved
-- preserve: public.orders (qty)
-- up
ALTER TABLE orders ALTER COLUMN qty DROP NOT NULL;
-- down
UPDATE orders SET qty = 1 WHERE qty IS NULL;
ALTER TABLE orders ALTER COLUMN qty SET NOT NULL;

-- case: a wider text, and the down fails on a long one
-- class: Restore proved
-- reason: public.customers.name
-- up
ALTER TABLE customers ALTER COLUMN name TYPE varchar(200);
-- down
ALTER TABLE customers ALTER COLUMN name TYPE varchar(20);

-- case: a wider text, and the down cuts a long one
-- class: PreserveAndRevert proved
-- preserve: public.customers (name)
-- up
ALTER TABLE customers ALTER COLUMN name TYPE text;
-- down
ALTER TABLE customers ALTER COLUMN name TYPE varchar(20) USING left(name, 20);

-- case: a wider number, and the down fails on a large one
-- class: Restore proved
-- reason: public.customers.age
-- up
ALTER TABLE customers ALTER COLUMN age TYPE bigint;
-- down
ALTER TABLE customers ALTER COLUMN age TYPE int;

-- case: more digits, and the down rounds
-- class: PreserveAndRevert proved
-- preserve: public.orders (total)
-- up
DROP VIEW totals;
ALTER TABLE orders ALTER COLUMN total TYPE numeric(10,4);
CREATE VIEW totals AS SELECT customer_id, sum(total) AS total FROM orders GROUP BY customer_id;
-- down
DROP VIEW totals;
ALTER TABLE orders ALTER COLUMN total TYPE numeric(10,2);
CREATE VIEW totals AS SELECT customer_id, sum(total) AS total FROM orders GROUP BY customer_id;

-- case: a new enum value, and the down cannot hold it
-- class: Restore proved
-- reason: label great
-- up
ALTER TYPE mood RENAME TO mood_before;
CREATE TYPE mood AS ENUM ('ok', 'bad', 'great');
ALTER TABLE orders ALTER COLUMN state DROP DEFAULT;
ALTER TABLE orders ALTER COLUMN state TYPE mood USING state::text::mood;
ALTER TABLE orders ALTER COLUMN state SET DEFAULT 'ok';
DROP TYPE mood_before;
-- down
ALTER TYPE mood RENAME TO mood_after;
CREATE TYPE mood AS ENUM ('ok', 'bad');
ALTER TABLE orders ALTER COLUMN state DROP DEFAULT;
ALTER TABLE orders ALTER COLUMN state TYPE mood USING state::text::mood;
ALTER TABLE orders ALTER COLUMN state SET DEFAULT 'ok';
DROP TYPE mood_after;

-- case: a new enum value, and the down deletes its rows
-- class: PreserveAndRevert proved
-- preserve: public.orders
-- up
ALTER TYPE mood RENAME TO mood_before;
CREATE TYPE mood AS ENUM ('ok', 'bad', 'great');
ALTER TABLE orders ALTER COLUMN state DROP DEFAULT;
ALTER TABLE orders ALTER COLUMN state TYPE mood USING state::text::mood;
ALTER TABLE orders ALTER COLUMN state SET DEFAULT 'ok';
DROP TYPE mood_before;
-- down
DELETE FROM orders WHERE state = 'great';
ALTER TYPE mood RENAME TO mood_after;
CREATE TYPE mood AS ENUM ('ok', 'bad');
ALTER TABLE orders ALTER COLUMN state DROP DEFAULT;
ALTER TABLE orders ALTER COLUMN state TYPE mood USING state::text::mood;
ALTER TABLE orders ALTER COLUMN state SET DEFAULT 'ok';
DROP TYPE mood_after;

-- case: a check is dropped, and the down adds it again
-- class: Restore proved
-- reason: total_is_paid
-- up
ALTER TABLE orders DROP CONSTRAINT total_is_paid;
-- down
ALTER TABLE orders ADD CONSTRAINT total_is_paid CHECK (total >= 0);

-- case: a unique key is dropped, and the down adds it again
-- class: Restore proved
-- reason: customers_email_key
-- up
ALTER TABLE customers DROP CONSTRAINT customers_email_key;
-- down
ALTER TABLE customers ADD CONSTRAINT customers_email_key UNIQUE (email);

-- case: a foreign key is dropped, and the down adds it again
-- class: Restore proved
-- reason: orders_customer_id_fkey
-- up
ALTER TABLE orders DROP CONSTRAINT orders_customer_id_fkey;
-- down
ALTER TABLE orders ADD CONSTRAINT orders_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers;

-- case: a required column is dropped, and the down adds it without a value
-- class: Restore proved
-- up
ALTER TABLE customers DROP COLUMN active;
-- down
ALTER TABLE customers ADD COLUMN active boolean NOT NULL DEFAULT true;
ALTER TABLE customers ALTER COLUMN active DROP DEFAULT;

-- case: a renamed column that the new release writes
-- class: Revert proved
-- up
ALTER TABLE customers RENAME COLUMN name TO called;
-- down
ALTER TABLE customers RENAME COLUMN called TO name;

-- case: a column that is copied to another type and back
-- class: Revert proved
-- up
ALTER TABLE customers ADD COLUMN years bigint;
UPDATE customers SET years = age;
ALTER TABLE customers DROP COLUMN age;
-- down
ALTER TABLE customers ADD COLUMN age int;
UPDATE customers SET age = years;
ALTER TABLE customers DROP COLUMN years;

-- case: a new partition
-- class: PreserveAndRevert proved
-- preserve: public.events_2027
-- up
CREATE TABLE events_2027 PARTITION OF events FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
-- down
DROP TABLE events_2027;

-- case: a column of a table without a key cannot be kept
-- at_start: checks-history
-- class: Restore proved
-- reason: public.settings
-- up
ALTER TABLE settings ADD COLUMN kind text;
-- down
ALTER TABLE settings DROP COLUMN kind;
