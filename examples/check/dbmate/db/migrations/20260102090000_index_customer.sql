-- migrate:up transaction:false
CREATE INDEX CONCURRENTLY orders_customer ON orders (customer);

-- migrate:down transaction:false
DROP INDEX CONCURRENTLY orders_customer;
