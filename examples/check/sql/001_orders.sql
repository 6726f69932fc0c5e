-- Run by psql, in the order of the names.
\set ON_ERROR_STOP on
CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer text NOT NULL,
    status text NOT NULL DEFAULT 'new'
);
COPY orders (customer, status) FROM stdin;
Ada	new
Grace; Hopper	paid
\.
