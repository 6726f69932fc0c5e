ALTER TABLE ${schema}.orders ALTER COLUMN status SET NOT NULL;
