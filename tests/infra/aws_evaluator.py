"""Would AWS do it? The rules of IAM, as far as the policies here use them; whatever else they hold is an error.

moto knows no conditions, and most of what these policies say is in theirs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.infra.aws_policies import Document

_ELEMENTS: Final = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}


@dataclass(frozen=True)
class Request:
    """Who wants what of which resource. `context`: the condition keys that AWS would know, and no others."""

    principal: str
    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


def allowed(request: Request, identity: Iterable[Document], resource: Iterable[Document] = ()) -> bool:
    """Whether policies of the principal and of the resource, both in one account, let the request pass."""
    statements = [one for document in (*identity, *resource) for one in document["Statement"]]
    effects = {one["Effect"] for one in statements if _concerns(one, request)}
    return "Deny" not in effects and "Allow" in effects


def trusts(document: Document, request: Request) -> bool:
    """Whether a trust policy lets the request's principal become the role. `resource` is not looked at."""
    return allowed(request, (), (document,))


def _concerns(statement: dict[str, Any], request: Request) -> bool:
    unknown = statement.keys() - _ELEMENTS
    if unknown:
        raise NotImplementedError(f"elements {unknown}")
    return (
        _principal(statement.get("Principal", "*"), request.principal)
        and any(_like(one.lower(), request.action.lower()) for one in _list(statement["Action"]))
        and any(_like(one, request.resource) for one in _list(statement.get("Resource", "*")))
        and all(
            _condition(operator, key, _list(values), request.context | {"aws:PrincipalArn": request.principal})
            for operator, block in statement.get("Condition", {}).items()
            for key, values in block.items()
        )
    )


def _principal(wanted: str | dict[str, Any], principal: str) -> bool:
    if wanted == "*":
        return True
    assert isinstance(wanted, dict), wanted
    named = [one for kind in ("AWS", "Federated", "Service") for one in _list(wanted.get(kind, []))]
    accounts = [one.removesuffix("root") for one in named if one.endswith(":root")]
    return principal in named or any(principal.startswith(account) for account in accounts)


def _condition(operator: str, key: str, values: list[str], context: Mapping[str, str]) -> bool:
    there = context.get(key)
    if operator == "Null":
        return values == ["true" if there is None else "false"]
    if operator == "StringLikeIfExists" and there is None:
        return True
    if operator == "ArnNotLike":  # a negated operator holds where the key is missing
        return there is None or not any(_like(value, there) for value in values)
    if operator not in ("Bool", "StringEquals", "StringLike", "StringLikeIfExists"):
        raise NotImplementedError(f"operator {operator}")
    if there is None:
        return False
    return any(_like(value, there) if "Like" in operator else value == there for value in values)


def _like(pattern: str, text: str) -> bool:
    assert "[" not in pattern, pattern
    return fnmatchcase(text, pattern)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
