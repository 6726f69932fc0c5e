"""The questions put to the system catalogs, by name. All run on PostgreSQL 14 to 18.

Roles are compared by name, and a role that is not there never makes a query fail: its grants are
then simply missing.
"""

from __future__ import annotations

ROLES = """
select rolname, rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls,
       rolinherit, rolconnlimit,
       case when rolvaliduntil <> 'infinity'
            then to_char(rolvaliduntil at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') end,
       rolpassword
from pg_catalog.pg_authid
where rolname = any(%(roles)s)
"""

ROLE_SETTINGS = """
select r.rolname, d.datname, c.setting
from pg_catalog.pg_db_role_setting s
join pg_catalog.pg_roles r on r.oid = s.setrole
left join pg_catalog.pg_database d on d.oid = s.setdatabase
cross join unnest(s.setconfig) c(setting)
where r.rolname = any(%(roles)s)
"""

SHARED_SETTINGS = """
select d.datname, c.setting
from pg_catalog.pg_db_role_setting s
left join pg_catalog.pg_database d on d.oid = s.setdatabase
cross join unnest(s.setconfig) c(setting)
where s.setrole = 0
"""
"""Of every role in one database (`datname`), or of every role everywhere (null)."""

MEMBERSHIPS = """
select g.rolname, m.rolname, bool_or(a.admin_option)
from pg_catalog.pg_auth_members a
join pg_catalog.pg_roles g on g.oid = a.roleid
join pg_catalog.pg_roles m on m.oid = a.member
where m.rolname = any(%(roles)s)
group by 1, 2
"""

MEMBERSHIPS_16 = """
select g.rolname, m.rolname, bool_or(a.admin_option), bool_or(a.inherit_option),
       bool_or(a.set_option)
from pg_catalog.pg_auth_members a
join pg_catalog.pg_roles g on g.oid = a.roleid
join pg_catalog.pg_roles m on m.oid = a.member
where m.rolname = any(%(roles)s)
group by 1, 2
"""
"""From 16 on each grantor's grant stands apart; together they give what any of them gives."""

GRANTORS_16 = """
select distinct g.rolname
from pg_catalog.pg_auth_members a
join pg_catalog.pg_roles g on g.oid = a.grantor
where a.roleid = (select oid from pg_catalog.pg_roles where rolname = %(role)s)
  and a.member = (select oid from pg_catalog.pg_roles where rolname = %(member)s)
"""

DATABASES = """
select d.datname, r.rolname, pg_encoding_to_char(d.encoding), d.datallowconn, d.datconnlimit,
       d.datistemplate
from pg_catalog.pg_database d
left join pg_catalog.pg_roles r on r.oid = d.datdba
"""

DATABASE_GRANTS = """
select d.datname, coalesce(r.rolname, 'PUBLIC'), x.privilege_type, x.is_grantable
from pg_catalog.pg_database d
cross join aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) x
left join pg_catalog.pg_roles r on r.oid = x.grantee
where x.grantee = 0 or r.rolname = any(%(roles)s)
"""

SCHEMAS = """
select n.nspname, r.rolname
from pg_catalog.pg_namespace n
left join pg_catalog.pg_roles r on r.oid = n.nspowner
where n.nspname = any(%(schemas)s)
"""

SCHEMA_GRANTS = """
select n.nspname, coalesce(r.rolname, 'PUBLIC'), x.privilege_type, x.is_grantable
from pg_catalog.pg_namespace n
cross join aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) x
left join pg_catalog.pg_roles r on r.oid = x.grantee
where n.nspname = any(%(schemas)s) and (x.grantee = 0 or r.rolname = any(%(roles)s))
"""

FUNCTION_GRANTS = """
select r.rolname, quote_ident(p.proname) || '(' || coalesce((
           select string_agg(format_type(t.type, null), ',' order by t.place)
           from unnest(p.proargtypes) with ordinality t(type, place)), '') || ')'
from pg_catalog.pg_proc p
cross join aclexplode(p.proacl) x
join pg_catalog.pg_roles r on r.oid = x.grantee
where p.pronamespace = 'pg_catalog'::regnamespace and r.rolname = any(%(roles)s)
"""

EXTENSIONS = """
select e.extname, n.nspname, e.extversion
from pg_catalog.pg_extension e
join pg_catalog.pg_namespace n on n.oid = e.extnamespace
"""

DEFAULT_PRIVILEGES = """
with owner as (select oid from pg_catalog.pg_roles where rolname = %(role)s),
given as (
    select a.defaclobjtype::text as type, a.defaclnamespace as namespace, a.defaclacl as acl
    from pg_catalog.pg_default_acl a
    join owner o on o.oid = a.defaclrole
),
-- Without an entry of its own a kind of object has PostgreSQL's built-in default.
everything as (
    select * from given
    union all
    select k.type, 0, acldefault(k.code, o.oid)
    from (values ('r', 'r'::"char"), ('S', 's'), ('f', 'f'), ('n', 'n')) k(type, code)
    cross join owner o
    where not exists (select from given g where g.type = k.type and g.namespace = 0)
)
select e.type, n.nspname, coalesce(r.rolname, 'PUBLIC'), x.privilege_type, x.is_grantable
from everything e
cross join aclexplode(e.acl) x
left join pg_catalog.pg_namespace n on n.oid = e.namespace
left join pg_catalog.pg_roles r on r.oid = x.grantee
where e.type = any(array['r', 'S', 'f', 'n'])
  and (x.grantee = 0 or (r.rolname = any(%(roles)s) and r.rolname <> %(role)s))
"""

FUNCTION = """
select r.rolname, p.prosecdef, coalesce(p.proconfig, array[]::text[]),
       pg_get_function_result(p.oid), p.prosrc,
       coalesce((
           select array_agg(coalesce(g.rolname, 'PUBLIC') order by 1)
           from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x
           left join pg_catalog.pg_roles g on g.oid = x.grantee
           where x.grantee <> p.proowner), array[]::name[])::text[]
from pg_catalog.pg_proc p
left join pg_catalog.pg_roles r on r.oid = p.proowner
where p.oid = to_regprocedure(%(signature)s)
"""

# What the writer and the reader lack on objects of the owner in one schema. A role that does not
# exist lacks everything. 'r' stands for everything that is read like a table.
MISSING = """
with wanted(kind, role, privilege) as (values
    ('r', %(writer)s, 'SELECT'), ('r', %(writer)s, 'INSERT'), ('r', %(writer)s, 'UPDATE'),
    ('r', %(writer)s, 'DELETE'), ('r', %(reader)s, 'SELECT'),
    ('S', %(writer)s, 'USAGE'), ('S', %(writer)s, 'SELECT'), ('S', %(reader)s, 'SELECT'),
    ('f', %(writer)s, 'EXECUTE'), ('f', %(reader)s, 'EXECUTE')
),
owner as (select oid from pg_catalog.pg_roles where rolname = %(owner)s),
objects as (
    select case when c.relkind = 'S' then 'S' else 'r' end as kind, c.oid,
           c.oid::regclass::text as name
    from pg_catalog.pg_class c
    join owner o on o.oid = c.relowner
    where c.relnamespace = to_regnamespace(quote_ident(%(schema)s))
      and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    union all
    select 'f', p.oid, p.oid::regprocedure::text
    from pg_catalog.pg_proc p
    join owner o on o.oid = p.proowner
    where p.pronamespace = to_regnamespace(quote_ident(%(schema)s))
)
select o.kind, o.name, w.role, w.privilege
from objects o
join wanted w on w.kind = o.kind
left join pg_catalog.pg_roles r on r.rolname = w.role
where r.oid is null or not case o.kind
    when 'r' then has_table_privilege(r.oid, o.oid, w.privilege)
    when 'S' then has_sequence_privilege(r.oid, o.oid, w.privilege)
    else has_function_privilege(r.oid, o.oid, w.privilege) end
"""

# What readers were given beyond reading, on the same objects.
EXCESS = """
select c.oid::regclass::text, r.rolname, x.privilege_type
from pg_catalog.pg_class c
join pg_catalog.pg_roles o on o.oid = c.relowner
cross join aclexplode(c.relacl) x
join pg_catalog.pg_roles r on r.oid = x.grantee
where c.relnamespace = to_regnamespace(quote_ident(%(schema)s))
  and c.relkind in ('r', 'p', 'v', 'm', 'f')
  and o.rolname = %(owner)s
  and r.rolname = any(%(readers)s)
  and x.privilege_type in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')
"""

DATABASES_OF_OWNER = """
select d.datname
from pg_catalog.pg_database d
join pg_catalog.pg_roles r on r.oid = d.datdba
where r.rolname = %(owner)s
order by 1
"""

OUTSIDE_MEMBERS = """
select g.rolname, m.rolname
from pg_catalog.pg_auth_members a
join pg_catalog.pg_roles g on g.oid = a.roleid
join pg_catalog.pg_roles m on m.oid = a.member
where g.rolname = any(%(roles)s) and m.rolname <> all(%(roles)s) and not m.rolsuper
order by 1, 2
"""
