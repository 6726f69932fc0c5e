"""PostgreSQL, kept highly available by Patroni and backed up by pgBackRest."""
