ALTER TABLE ${schema}.orders ALTER COLUMN status DROP NOT NULL;
