"""Django's PostgreSQL backend on a pool that gets over an outage at once."""
