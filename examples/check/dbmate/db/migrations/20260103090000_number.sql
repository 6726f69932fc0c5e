-- migrate:up
ALTER TABLE orders ADD COLUMN number uuid NOT NULL DEFAULT gen_random_uuid();

-- migrate:down
ALTER TABLE orders DROP COLUMN number;
