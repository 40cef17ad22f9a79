"""Pictures of every operator's page (`make shots`), of a small believable world made through the product's services.

PostgreSQL, Redis, the web server and a worker run as processes; a server that answers from a script is the model.
Pictures are 1400 and 390 pixels wide, the most important also in the dark. A page with a console error, a violation of
the content security policy, a request off the host, or that scrolls sideways at 390 pixels fails the run.
"""
