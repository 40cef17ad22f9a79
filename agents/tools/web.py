"""Call_Web_API."""
# ruff: noqa: ARG001 - the arguments are what a model is told of; there is nothing behind them yet

from typing import Annotated

from pydantic import Field

from agents.tools.declaring import tool
from agents.tools.searching import not_available
from agents.tools.spec import ToolResult


@tool("Call_Web_API", title="Call a web API", effects="external", timeout_s=30.0, available=False)
def call_web_api(_context: object, url: Annotated[str, Field(min_length=1, max_length=4_000)]) -> ToolResult:
    """Sends an HTTP request to an allowed address and returns the answer.

    Args:
        url: The address to call.

    Returns:
        The status and the body of the answer.
    """
    raise not_available(call_web_api.name)
