"""Rules that make a plan faster without changing what it means: each a module with one function from plan to plan.

`optimise` applies them in order. A rule may rely on those before it.
"""

from typing import Final

from exdbsql.engine.query.plan import Plan
from exdbsql.engine.query.rules import (
    access_paths,
    common_conditions,
    hashed_exists,
    in_subqueries,
    index_order,
    join_keys,
    join_order,
    pushdown,
    value_lists,
)
from exdbsql.engine.query.rules.common import Rule, Statistics

RULES: Final[tuple[Rule, ...]] = (
    common_conditions.apply,
    value_lists.apply,
    in_subqueries.apply,
    pushdown.apply,
    join_order.apply,
    hashed_exists.apply,
    index_order.apply,
    access_paths.apply,
    join_keys.apply,
)


def optimise(plan: Plan, statistics: Statistics) -> Plan:
    """`plan` after all rules."""
    for rule in RULES:
        plan = rule(plan, statistics)
    return plan
