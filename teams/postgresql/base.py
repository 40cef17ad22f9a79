"""What Django loads as the database's ENGINE, "teams.postgresql"."""

from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base

from teams.postgresql.pool import LastingPool


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's own, but for the pool's class, which Django has no setting for."""

    @property
    def pool(self) -> LastingPool | None:
        """The process's pool for this alias, opened by its first use. OPTIONS["pool"], a dict, has its options; without
        it there is none."""
        options = self.settings_dict["OPTIONS"].get("pool")
        if self.alias == NO_DB_ALIAS or not options:
            return None
        pools: dict[str, LastingPool] = self._connection_pools  # type: ignore[attr-defined]
        if self.alias not in pools:
            params = {**self.get_connection_params(), "autocommit": True}  # Django turns it off where it has to
            configure = self._configure_connection  # type: ignore[attr-defined]
            made = LastingPool(kwargs=params, open=False, configure=configure, **options)
            pools.setdefault(self.alias, made)  # threads that come at once get the same
        return pools[self.alias]
