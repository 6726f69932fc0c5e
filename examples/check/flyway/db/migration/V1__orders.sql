CREATE SCHEMA ${schema};
CREATE TABLE ${schema}.orders (id bigint PRIMARY KEY, customer text NOT NULL, status text);
