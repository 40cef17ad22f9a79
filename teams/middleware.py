"""Small HTTP guards, as plain functions in settings.MIDDLEWARE's order."""
