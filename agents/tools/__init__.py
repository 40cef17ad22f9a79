"""Tools an agent may be given: what each is called, what it does to the world, and call(), the only path to one.

`spec` says what a tool is, `declaring` makes one of a typed function, `catalogue` lists them, `calling` calls them.
"""

from agents.tools.calling import call
from agents.tools.catalogue import CATALOGUE
from agents.tools.declaring import tool
from agents.tools.spec import Asking, Effects, Switch, Tool, ToolContext, ToolError, ToolResult, ToolSteps

__all__ = [
    "CATALOGUE",
    "Asking",
    "Effects",
    "Switch",
    "Tool",
    "ToolContext",
    "ToolError",
    "ToolResult",
    "ToolSteps",
    "call",
    "tool",
]
