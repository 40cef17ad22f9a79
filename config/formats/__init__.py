"""How dates and times are written, by language; Django finds it by settings.FORMAT_MODULE_PATH."""
