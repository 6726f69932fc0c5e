--liquibase formatted sql

--changeset ada:orders
CREATE TABLE orders (id bigint PRIMARY KEY, customer text NOT NULL);
--rollback DROP TABLE orders;

--changeset ada:index-customer runInTransaction:false
CREATE INDEX CONCURRENTLY orders_customer ON orders (customer);
--rollback DROP INDEX CONCURRENTLY orders_customer;

--changeset ada:function endDelimiter:/
CREATE FUNCTION one() RETURNS int AS 'SELECT 1' LANGUAGE sql
/
ALTER TABLE orders ADD CONSTRAINT customer_given CHECK (customer <> '')
/

--changeset ada:for-oracle dbms:oracle
CREATE TABLE orders (id NUMBER(19) PRIMARY KEY);
