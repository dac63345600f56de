"""Marks on views: which permission a caller needs. `authorization` reads them.

Each mark is an attribute of the view, so that a view carries it without importing gaffer-http.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from gaffer_http.auth.caller import Right

NEEDS = "gaffer_needs"
ALL_CALLERS = "gaffer_every_caller"
WITHOUT_PAGE_KEY = "gaffer_without_page_key"

View = TypeVar("View", bound=Callable[..., Any])


def needs(right: Right) -> Callable[[View], View]:
    """Mark a view that needs another permission than its method implies.

    Without a mark, GET and HEAD need `read`; other methods and websockets need `manage`.
    """

    def mark(view: View) -> View:
        setattr(view, NEEDS, right)
        return view

    return mark


def open_to_all(view: View) -> View:
    """Mark a view that reveals nothing about any session: every known caller may use it."""
    setattr(view, ALL_CALLERS, True)
    return view


def checks_permissions(view: View) -> View:
    """Mark a view that checks the caller's permissions itself, for each thing it shows or does."""
    setattr(view, ALL_CALLERS, True)
    return view


def without_page_key(view: View) -> View:
    """Mark a view that is `open_to_all`, also to pages in a browser that is not signed in."""
    setattr(view, WITHOUT_PAGE_KEY, True)
    return open_to_all(view)
