"""What other languages and libraries call things: a help that a near spelling cannot give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def _each(table: dict[str, T]) -> dict[str, T]:
    """One entry for each of the words of a key."""
    return {word: value for words, value in table.items() for word in words.split()}


STATEMENTS: dict[str, str] = _each(
    {
        "for while loop times layers": "turns are written `repeat 4 as t { ... }`",
        "import include from": 'another file is used by `use "file.dna"`',
        "let const var val": "a value is named by `param name = ...`, at the top level of the file",
        "function fn func macro define": "a recipe is written `def module name(...) { ... }`",
        "model network class arch architecture": "a network is written `net name { ... }`",
        "experts expert moe": "experts are members of a pool: `pool experts { e[8] = mlp(gelu, 4x) }`",
        "if when switch choose gate": "a choice is made by a router: `route pool by { ... }`",
        "branch split concat": "branches side by side are written `parallel { ... }`",
        "output outputs loss": "what a net puts out is its head: `head lm = unembed()`",
        "data dataset optimizer epochs": "it stands in a block `train name { ... }`",
    }
)
"""Words at the start of a statement."""

KINDS: dict[str, str] = _each(
    {
        "linear dense ffn feedforward feed_forward fc": "two products: `mlp(gelu, 4x)`",
        "attn self_attention mha multihead_attention msa": "it is called `attention(heads = 8)`",
        "layernorm layer_norm rmsnorm rms_norm norm": "a norm is an argument: `mlp(gelu, 4x, norm = rms)`",
        "block layer encoder decoder transformer_block": "attention and mlp together: `transformer(heads = 8)`",
        "skip noop residual passthrough": "a module that leaves the stream as it is: `identity()`",
        "moe experts": "experts are a `pool`, and a `route` chooses among them",
        "softmax relu gelu silu swiglu tanh": "an activation is an argument: `mlp(gelu, 4x)`",
        "dropout": "dropout is an argument: `mlp(gelu, 4x, dropout = 10%)`",
        "merge token_merge patch_merge avg_pool max_pool downsample": "joining tokens is not built yet",
        "conv1d conv2d convolution depthwise": "it is called `conv(3)`, or `conv(3, depthwise = true)`",
        "rnn lstm gru ssm mamba recurrent retention rwkv": "a mixer with a state is `linear_attention(heads = 4)`",
        "embedding": "a net has one embed: `embed tokens(256, positions = learned)`",
    }
)
"""Words in the place of a module."""

ARGUMENTS: dict[str, tuple[str, str]] = _each(
    {
        "learning_rate rate": ("lr", "`lr = ...`"),
        "epochs max_epochs num_epochs": ("length", "`length = epochs(n)`"),
        "steps max_steps iterations max_iters": ("length", "`length = steps(n)`"),
        "batch_size batchsize": ("batch", "`batch = sequences(n)`"),
        "weight_decay betas eps": ("optimizer", "`optimizer = adamw(weight_decay = ...)`"),
        "warmup warmup_steps scheduler": ("lr", "`lr = schedule(0, linear(1e-3, 2%), cosine(1e-4, 100%))`"),
        "grad_clip max_norm clip_norm": ("clip", "`clip = ...`"),
        "grad_accum accumulation_steps gradient_accumulation": ("accumulate", "`accumulate = ...`"),
        "test validation val eval": ("valid", "`valid = ...`"),
        "train dataset": ("data", "`data = ...`"),
        "top_k topk k num_experts_per_tok": ("choose", "`choose = top(k)`"),
        "aux_loss load_balance balancing": ("balance", "`balance = [aux(0.01)]`"),
        "temperature": ("tau", "`tau = ...`"),
        "capacity capacity_factor": ("limit", "`limit = capacity(...)`"),
        "shared shared_experts": ("always", "`always = member`"),
        "n_heads num_heads n_head num_attention_heads": ("heads", "`heads = ...`"),
        "n_kv_heads num_kv_heads groups num_key_value_heads": ("kv_heads", "`kv_heads = ...`"),
        "hidden_size intermediate_size ffn expansion d_ff": ("hidden", "`hidden = 4x`"),
        "d_model dim embed_dim n_embd": ("width", "`width = ...`"),
        "act act_fn activation_fn hidden_act": ("activation", "`activation = gelu`"),
        "vocab_size n_vocab vocab": ("vocabulary", "`vocabulary = ...`"),
        "seq_len max_len block_size sequence_length": ("context", "`context = ...`"),
        "normalization layernorm rmsnorm": ("norm", "`norm = rms`"),
        "pos position_embedding rope": ("positions", "`positions = rope(10k)`"),
        "theta rope_theta": ("base", "`base = ...`"),
    }
)
"""Arguments: the field that is meant, and how it is written."""


def argument(key: str, known: Sequence[str]) -> str:
    """How the field that `key` means elsewhere is written here; empty where the word has none."""
    field, written = ARGUMENTS.get(key.lower(), ("", ""))
    return f"here it is written {written}" if field in known else ""


COMMANDS: dict[str, str] = _each(
    {
        "draw diagram picture plot graph show render": "viz",
        "run fit": "train",
        "test evaluate valid validate": "eval",
        "lint verify": "check",
        "cost count params flops summary": "plan",
        "sample write": "generate",
        "init create": "new",
    }
)
"""Words in the place of a command of the command line."""


_VALUES: dict[str, tuple[str, ...]] = {
    "yes on enabled": ("true",),
    "no off disabled": ("false",),
    "fp16 float16 half bfloat16 amp mixed": ("bf16",),
    "float32 float single": ("fp32",),
    "float64 double": ("fp64",),
    "rotary rope_scaled": ("rope",),
    "sine sincos sinusoidal": ("sinusoid",),
    "absolute learnable trained": ("learned",),
    "layernorm layer_norm ln": ("layer",),
    "rmsnorm rms_norm": ("rms",),
    "swish": ("silu",),
    "adam": ("adamw",),
    "normalized normalised renormalized": ("renormalised",),
    "aux_loss load_balance load_balancing": ("aux",),
    "topk top_k": ("top",),
    "global": ("everyone", "network"),
    "local": ("peers",),
    "image sample example": ("sequence",),
    "mnist fashion_mnist": ("idx",),
    "cifar cifar10 cifar100 imagenet": ("images",),
    "wikitext openwebtext c4 tinystories": ("hf",),
    "straight_through": ("ste",),
    "image_folder folder": ("images",),
}
"""Words in the place of a value: the words that may be meant, in whatever field has one of them."""
_MEANT = _each(_VALUES)


def value(word: str, known: Sequence[str]) -> str:
    """The word of a field that `word` means elsewhere; empty where there is none."""
    return next((meant for meant in _MEANT.get(word.lower(), ()) if meant in known), "")
