-- +goose NO TRANSACTION
-- +goose Up
SET lock_timeout = '2s';
CREATE INDEX CONCURRENTLY orders_customer ON orders (customer);

-- +goose Down
DROP INDEX CONCURRENTLY orders_customer;
