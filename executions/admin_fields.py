"""Fields of forms in this app's part of the admin."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect

from teams.models import Team


class TeamField(forms.ModelChoiceField):
    """A live team, found by typing: a tenant may have more than a page should list. `of`: the model's foreign key."""

    def __init__(self, of: Any, **kwargs: Any) -> None:
        widget = AutocompleteSelect(of, admin.site)
        super().__init__(queryset=Team.objects.filter(is_deleted=False), widget=widget, **kwargs)
