CREATE OR REPLACE VIEW ${schema}.open_orders AS
    SELECT id, customer FROM ${schema}.orders WHERE status <> 'done';
