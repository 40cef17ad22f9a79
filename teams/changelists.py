"""Lists of the admin that know more of their rows than the rows hold: asked for once for a whole page."""

from typing import Any

from django.http import HttpRequest


class LooksUp:
    """Mixin of a ModelAdmin: `look_up` gets the rows of the page that is shown, and may put attributes on them."""

    def look_up(self, rows: list[Any]) -> None:
        """Ask for what the page shows besides its rows, in a number of questions that does not grow with them."""
        raise NotImplementedError

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        base: Any = super().get_changelist(request, **kwargs)  # type: ignore[misc]
        look_up = self.look_up

        class Known(base):
            result_list: Any

            def get_results(self, request: HttpRequest) -> None:
                super().get_results(request)
                self.result_list = list(self.result_list)
                look_up(self.result_list)

        return Known
