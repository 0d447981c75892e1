"""The fields of `train NET { ... }`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dnac.ir.form import Form, form
from dnac.kinds.base import From, Params, Real, Scheduled, ShareUnit


class TrainParams(Params):
    """How a net is trained. Data, validation data, batch, length and lr have no default."""

    data: Annotated[Form, From("dataset")]
    """Training data."""
    valid: Annotated[Form, From("dataset")]
    """Held-out data, never trained on."""
    batch: Annotated[Form, From("amount")]
    """`sequences(n)` or `tokens(n)` for each train step, over all micro-batches and ranks."""
    length: Annotated[Form, From("amount")]
    """`steps(n)`, `tokens(n)` or `epochs(n)`."""
    lr: Real
    """Learning rate, constant or `schedule(start, shape(target, until), ...)`."""
    optimizer: Annotated[Form, From("optimizer")] = form("adamw", weight_decay=0.1, betas=(0.9, 0.95), eps=1e-8)
    """torch's AdamW."""
    loss: tuple[Annotated[Form, From("loss")], ...] = (form("task", weight=1.0),)
    """What is minimised: a sum such as `task + 0.5 * distill(teacher = "runs/dense")`. Balance terms come on top."""
    router_lr: Annotated[Annotated[float, Field(gt=0)] | Form, Scheduled()] = 1.0
    """Learning rate of routers, as a factor on `lr`: `schedule(1, step(0, 50%))` freezes what they learned by half."""
    body_lr: Annotated[Annotated[float, Field(ge=0)] | Form, Scheduled()] = 1.0
    """Learning rate of all but routers, as a factor on `lr`: `schedule(0, step(1, 20%))` trains routers alone first."""
    clip: float | None = Field(default=1.0, gt=0)
    """Largest gradient norm; `none` for no clipping."""
    accumulate: int = Field(default=1, ge=1)
    """Micro-batches per train step."""
    precision: Annotated[Form, From("precision")] = form("fp32")
    """fp32, bf16 (autocast with float32 masters and gates) or fp64."""
    label_smoothing: Annotated[float, ShareUnit("the target's probability"), Field(ge=0, lt=1)] = 0.0
    """Share of the target's probability that is spread over all outputs."""
    idle: Literal["hold", "decay"] = "decay"
    """Optimiser state of a module that got no token in a step: `decay` lets AdamW go on as usual,
    `hold` leaves its weights and moments as they are."""
    seed: int = 0
    """Seed of initial weights, data order and routing noise, unless they have their own."""
    init_seed: int | None = None
    """Seed of initial weights. Unsaid: `seed`."""
    data_seed: int | None = None
    """Seed of the data order. Unsaid: `seed`."""
    routing_seed: int | None = None
    """Seed of routing noise and dropout. Unsaid: `seed`."""
    eval_every: Annotated[Form, From("amount")] | None = None
    """How often to evaluate on `valid`. Unsaid: ten times in the run."""
    eval_batches: int = Field(default=20, ge=1)
    """Batches of `valid` for each evaluation during training (`dnac eval` uses all)."""
    save_every: Annotated[Form, From("amount")] | None = None
    """How often to save a checkpoint. Unsaid: at each evaluation."""
    keep: int = Field(default=2, ge=1)
    """Checkpoints to keep."""
    log_every: int = Field(default=10, ge=1)
    """Train steps between two lines of metrics."""
