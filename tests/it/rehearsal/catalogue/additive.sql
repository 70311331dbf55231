-- case: a nullable column
-- class: CodeOnly assumed
-- up
ALTER TABLE orders ADD COLUMN remark text;
-- down
ALTER TABLE orders DROP COLUMN remark;

-- case: a nullable column, and the old release checks its history
-- at_start: checks-history
-- class: PreserveAndRevert proved
-- reason: history
-- preserve: public.orders (remark)
-- up
ALTER TABLE orders ADD COLUMN remark text;
-- down
ALTER TABLE orders DROP COLUMN remark;

-- case: a column with a constant default
-- class: CodeOnly assumed
-- up
ALTER TABLE orders ADD COLUMN priority int NOT NULL DEFAULT 0;
-- down
ALTER TABLE orders DROP COLUMN priority;

-- case: a new table
-- class: CodeOnly assumed
-- up
CREATE TABLE coupons (code text PRIMARY KEY, percent int NOT NULL);
-- down
DROP TABLE coupons;

-- case: a new table, and the old release checks its history
-- at_start: checks-history
-- class: PreserveAndRevert proved
-- reason: public.coupons
-- preserve: public.coupons
-- up
CREATE TABLE coupons (code text PRIMARY KEY, percent int NOT NULL);
-- down
DROP TABLE coupons;

-- case: two new tables that refer to each other and to an old one
-- at_start: checks-history
-- class: PreserveAndRevert proved
-- preserve: public.baskets, public.lines
-- up
CREATE TABLE baskets (id bigserial PRIMARY KEY, customer_id bigint NOT NULL REFERENCES customers);
CREATE TABLE lines (id bigserial PRIMARY KEY, basket_id bigint NOT NULL REFERENCES baskets, order_id bigint REFERENCES orders, text varchar(12) NOT NULL);
-- down
DROP TABLE lines;
DROP TABLE baskets;

-- case: an index built concurrently
-- at_start: checks-history
-- class: Revert proved
-- up
-- no-transaction
CREATE INDEX CONCURRENTLY by_note ON orders (note);
-- down
DROP INDEX by_note;

-- case: a view
-- at_start: checks-history
-- class: Revert proved
-- up
CREATE VIEW rich AS SELECT * FROM customers WHERE age > 10;
-- down
DROP VIEW rich;

-- case: an additive chain is taken down in steps
-- at_start: checks-history
-- class: PreserveAndRevert proved
-- preserve: public.orders (first, second)
-- up
ALTER TABLE orders ADD COLUMN first text;
-- down
ALTER TABLE orders DROP COLUMN first;
-- up
ALTER TABLE orders ADD COLUMN second text;
-- down
ALTER TABLE orders DROP COLUMN second;

-- case: a volatile default
-- class: PreserveAndRevert proved
-- preserve: public.orders (token)
-- finding: a second run over the same data gives something else
-- up
ALTER TABLE orders ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid();
-- down
ALTER TABLE orders DROP COLUMN token;

-- case: a generated column has nothing to keep
-- class: Revert proved
-- up
ALTER TABLE orders ADD COLUMN doubled numeric GENERATED ALWAYS AS (total * 2) STORED;
-- down
ALTER TABLE orders DROP COLUMN doubled;

-- case: a materialised view has nothing to keep
-- at_start: checks-history
-- class: Revert proved
-- up
CREATE MATERIALIZED VIEW summary AS SELECT state, count(*) AS n FROM orders GROUP BY state;
-- down
DROP MATERIALIZED VIEW summary;

-- case: an identity column
-- class: PreserveAndRevert proved
-- preserve: public.settings
-- up
ALTER TABLE settings ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY;
-- down
ALTER TABLE settings DROP COLUMN id;

-- case: a new column of an enumeration, and a flag
-- at_start: checks-history
-- class: PreserveAndRevert proved
-- preserve: public.customers (mood, seen)
-- up
ALTER TABLE customers ADD COLUMN mood mood;
ALTER TABLE customers ADD COLUMN seen boolean;
-- down
ALTER TABLE customers DROP COLUMN seen;
ALTER TABLE customers DROP COLUMN mood;

-- case: a new column of a partitioned table
-- at_start: checks-history
-- class: PreserveAndRevert proved
-- preserve: public.events (hint)
-- up
ALTER TABLE events ADD COLUMN hint timestamp(3);
-- down
ALTER TABLE events DROP COLUMN hint;
