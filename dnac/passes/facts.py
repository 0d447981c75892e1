"""What passes and the schedule may ask about routers and modules, answered by their kinds.

A pass asks here and never looks at a kind itself: a new kind that answers these questions is
optimised without another line.
"""

from __future__ import annotations

from math import comb

from dnac import catalogue
from dnac.ir import traits
from dnac.ir.form import Form
from dnac.ir.graph import Graph, Member, RouterSet
from dnac.kinds.base import ChooseKind, ModuleKind, Params, ScoreKind, params_of
from dnac.kinds.budgets import moved_routers
from dnac.kinds.declared import has_bias
from dnac.kinds.limits import LimitKind, Room
from dnac.kinds.params import values_of
from dnac.kinds.router import views
from dnac.text.diagnostic import InternalError


def field(router: RouterSet, name: str) -> Form:
    """One field of a router that holds a word."""
    found = router.fields[name]
    if not isinstance(found, Form):
        raise InternalError("passes.facts", f"router {router.name} has no {name}")
    return found


def chosen_per_token(router: RouterSet) -> int:
    """K of a router: how many choices each token makes."""
    kind, params = _choose(router)
    return kind.k(params, router.size)


def filled_at_end(router: RouterSet) -> int:
    """How many of its choices each token makes at the end of training: fewer than K under some schedules."""
    values = filled_values(router)
    return chosen_per_token(router) if values is None else int(values[-1])


def filled_values(router: RouterSet) -> list[float] | None:
    """How many of its slots are filled in turn, where a schedule says it."""
    kind, params = _choose(router)
    schedule = kind.filled(params)
    return None if schedule is None else values_of(schedule)


def may_pass(router: RouterSet) -> bool:
    """Whether a token chooses as many candidates as it likes, none too."""
    return _choose(router)[0].may_pass


def sets(router: RouterSet) -> int:
    """How many different sets of candidates a token can choose."""
    kind, params = _choose(router)
    return comb(router.size, kind.k(params, router.size)) if kind.sets is None else kind.sets(params, router.size)


def fixed_choice(router: RouterSet) -> tuple[int, ...] | None:
    """The slots that every token chooses, if the choice never varies."""
    kind, params = _choose(router)
    return kind.fixed(params, router.size)


def taken_shares(router: RouterSet, tokens: int) -> tuple[float, ...] | None:
    """The part of all tokens that each slot takes, where modules choose their tokens; else None."""
    kind, params = _choose(router)
    return kind.shares(params, router.size, tokens)


def is_share_of_all(router: RouterSet) -> bool:
    """Whether the parts that modules take of the tokens count those that have left too."""
    kind, params = _choose(router)
    return kind.is_share_of_all(params)


def most_share(router: RouterSet, tokens: int) -> float:
    """The part of all tokens that one module can take under the router's limit."""
    form = field(router, "limit")
    kind: LimitKind = catalogue.get("limit", form.name)
    most = kind.most(params_of(kind, form), router.size, Room(tokens, chosen_per_token(router)))
    return 1.0 if most is None else most / tokens


def decodes(router: RouterSet) -> bool:
    """Whether the router chooses in another way while generating."""
    return field(router, "decode").name != "none"


def weighs_one(router: RouterSet) -> bool:
    """Whether every chosen increment is added as it is."""
    return field(router, "weight").name == "one" and router.fields["scale"] == 1.0


def has_balance(router: RouterSet) -> bool:
    """Whether a term shapes the router's load: then its scores are needed even where nothing reads them."""
    return bool(router.fields["balance"])


def keeps_bias(graph: Graph, router: RouterSet) -> bool:
    """Whether the router has biases that something moves: a balance term of its own, or a budget."""
    return has_bias(router) or router.name in moved_routers(graph)


def mixes_tokens(graph: Graph, member: Member) -> bool:
    """Whether a module lets tokens see one another."""
    kinds: list[ModuleKind] = [catalogue.get("module", part.kind.name) for part in traits.parts(graph, member)]
    return any(kind.mixes_tokens for kind in kinds)


def asked_head(router: RouterSet) -> str | None:
    """The head whose logits the router's score asks for."""
    form = router.fields.get("score")
    if not isinstance(form, Form):
        return None
    kind: ScoreKind = catalogue.get("score", form.name)
    return kind.head(params_of(kind, form))


def foretells(router: RouterSet) -> float | None:
    """What the loss counts by which a score learns whether its head already says what it says at the end."""
    form = router.fields.get("score")
    kind: ScoreKind | None = catalogue.get("score", form.name) if isinstance(form, Form) else None
    return None if kind is None else kind.foretells(params_of(kind, form))  # type: ignore[arg-type]


def reads_norm(router: RouterSet) -> bool:
    """Whether the router reads the pool's own norm, as its members do, and not the raw stream."""
    return any(view.name == "normed" for view in views(router.fields))


def sees_own_step(router: RouterSet) -> bool:
    """Whether routed attention looks at keys of its own routing step alone."""
    return field(router, "sees").name in ("peers", "everyone")


def sees_first(router: RouterSet) -> bool:
    """Whether routed attention looks at the keys of the first step at which the same module could run."""
    return field(router, "sees").name == "first"


def sees_history(router: RouterSet) -> bool:
    """Whether routed attention looks at the keys of every pair (token, step) so far."""
    return field(router, "sees").name == "history"


def _choose(router: RouterSet) -> tuple[ChooseKind, Params]:
    form = field(router, "choose")
    kind: ChooseKind = catalogue.get("choose", form.name)
    return kind, params_of(kind, form)
