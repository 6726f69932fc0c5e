-- Up Migration
ALTER TABLE orders ADD CONSTRAINT orders_customer UNIQUE (customer);

-- Down Migration
ALTER TABLE orders DROP CONSTRAINT orders_customer;
