-- +goose Up
CREATE TRIGGER orders_touch BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE orders ALTER COLUMN customer TYPE varchar(20);

-- +goose Down
DROP TRIGGER orders_touch ON orders;
