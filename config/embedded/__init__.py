"""PostgreSQL, Redis, a small chat model, web and worker as child processes of one command, on loopback.

`python -m config.embedded serve` or `demo`. Every part whose address is set in the environment is left out,
so the same command also runs against real services. Nothing here is imported by the product itself.
"""
