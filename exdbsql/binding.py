"""From the user's parameters to a statement's values, for the common case: a tuple or list of the right length.

The planner's own `Bound.bind` handles every form, and makes the messages; this is its short cut, because binding is a
third of what a point query costs. Whatever is not the common case, an error included, goes back there.
"""

from collections.abc import Callable
from typing import Any

from exdbsql.engine.query.prepare import Bound
from exdbsql.result import Parameters
from exdbsql.schema.errors import Error

Binder = Callable[[Parameters], tuple[Any, ...]]


def fast_binder(bound: Bound) -> Binder:
    """A function that gives the same as ``bound.bind``, sooner."""
    statement = bound.statement
    if statement.parameters.style == "named":
        return bound.bind
    if not statement.converters:
        return _without_parameters(bound)
    if len(statement.converters) == 1:
        return _one_parameter(bound)
    return _several_parameters(bound)


def _without_parameters(bound: Bound) -> Binder:
    literals, slow = bound.literals, bound.bind

    def bind(parameters: Parameters) -> tuple[Any, ...]:
        return slow(parameters) if parameters else literals

    return bind


def _one_parameter(bound: Bound) -> Binder:
    literals, slow = bound.literals, bound.bind
    convert = bound.statement.converters[0]

    def bind(parameters: Parameters) -> tuple[Any, ...]:
        if (type(parameters) is tuple or type(parameters) is list) and len(parameters) == 1:
            value = parameters[0]
            try:
                return (*literals, value if convert is None or value is None else convert(value))
            except Error:
                return slow(parameters)
        return slow(parameters)

    return bind


def _several_parameters(bound: Bound) -> Binder:
    literals, slow, converters = bound.literals, bound.bind, bound.statement.converters
    count = len(converters)

    def bind(parameters: Parameters) -> tuple[Any, ...]:
        if (type(parameters) is tuple or type(parameters) is list) and len(parameters) == count:
            try:
                return (
                    *literals,
                    *[
                        value if convert is None or value is None else convert(value)
                        for value, convert in zip(parameters, converters, strict=False)
                    ],
                )
            except Error:
                return slow(parameters)
        return slow(parameters)

    return bind
