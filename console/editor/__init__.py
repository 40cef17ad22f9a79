"""The team editor of the admin: a form and a card for each agent over the JSON that `teams.spec.TeamSpec` checks."""
