"""Teams of other tools as team configs: `autogen.read`, `crewai.read`.

Pure functions from a document to configs and notes on what could not be carried over. They raise nothing but `Invalid`,
and take over only the fields they know: keys and passwords in a document never reach a config.
"""
