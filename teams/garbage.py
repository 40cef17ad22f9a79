"""The garbage collector of a long-lived process, told what will never be garbage."""

import gc

YOUNG = 10_000
"""Objects made before the collector looks at the newest; CPython's 700 makes it look dozens of times in one run."""


def spare_what_was_loaded() -> None:
    """Call once when a web or worker process has loaded its code.

    Modules, classes and URL patterns are half a million objects that stay for good. Without this each full collection
    walks them all, a tenth of a second in which no thread of the process does anything else.
    https://docs.python.org/3/library/gc.html#gc.freeze
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 20)
