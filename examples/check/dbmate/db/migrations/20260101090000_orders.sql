-- migrate:up
CREATE TABLE orders (id bigint PRIMARY KEY, customer text NOT NULL);

-- migrate:down
DROP TABLE orders;
