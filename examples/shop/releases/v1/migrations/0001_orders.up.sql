CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    item text NOT NULL,
    note text,
    created timestamptz NOT NULL DEFAULT now()
);
