"""The pages of a team in the admin, put together from their parts."""

from console.editor.admin import EditorPages
from teams.admin_teams import TeamAdmin


class TeamPages(EditorPages, TeamAdmin):
    """A team: the list, the editor, versions, proposals, import and export."""
