"""Fields of forms in this app's part of the admin."""

from typing import Any

from django import forms

from teams.models import Team
from teams.selects import LongSelect


class TeamField(forms.ModelChoiceField):
    """A live team of the tenant's."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(queryset=Team.objects.filter(is_deleted=False).only("name"), widget=LongSelect, **kwargs)
