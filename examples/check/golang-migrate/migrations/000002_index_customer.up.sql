-- Two statements are sent as one string, which is one transaction: this fails.
SET lock_timeout = '2s';
CREATE INDEX CONCURRENTLY orders_customer ON orders (customer);
