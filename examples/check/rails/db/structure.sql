SET statement_timeout = 0;
SET check_function_bodies = false;

CREATE TABLE public.orders (
    id bigint NOT NULL,
    customer character varying NOT NULL,
    total numeric(10,2) DEFAULT 0 NOT NULL
);

ALTER TABLE ONLY public.orders
    ADD CONSTRAINT orders_pkey PRIMARY KEY (id);

CREATE INDEX index_orders_on_customer ON public.orders USING btree (customer);

SET search_path TO "$user", public;

INSERT INTO "schema_migrations" (version) VALUES
('20260102090000'),
('20260101090000');
