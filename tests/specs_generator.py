"""Random specs that mean something: `check` must accept each of them. Seeded, and of toy size.

Width 8 or 16, 6 tokens or 4 patches, a vocabulary of 11; inputs, embeds, backbones, pools with groups, routers with
random fields, repeats, parallels, recipes, routers and modules declared outside, derivations, and a train block.
"""

from __future__ import annotations

from random import Random

ACTIVATIONS = ("gelu", "relu", "silu", "swiglu", "geglu")
NORMS = ("layer", "rms", "none")
DATA = {
    True: "data = stdlib_text(split = train); valid = stdlib_text(split = valid)",
    False: "data = digits(split = train); valid = digits(split = valid)",
}


class Maker:
    """One file; draws decide what is in it."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.is_text = self.random.random() < 0.75
        self.width = self.random.choice((8, 16))
        self.defs: list[str] = []
        self.before: list[str] = []
        """Declarations at the top of the net."""
        self.names = 0
        self.labels: list[str] = []
        self.room = 5

    def file(self) -> str:
        """The whole text."""
        body = [self.statement(0) for _ in range(self.random.randint(1, 3))]
        lines = ["dna 1", f"param width = {self.width}", *self.defs, "net n {", *self.ends()]
        lines += [*self.before, *body, self.head(), *self.asserts(), "}"]
        if self.random.random() < 0.3:
            lines += ["train n { " + DATA[self.is_text], "  batch = sequences(4); length = steps(8)"]
            lines += [f"  lr = {self.pick('1e-3', 'schedule(0, linear(1e-3, 10%), cosine(0, 100%))')}", "}"]
        lines += self.derived()
        return "\n".join(lines) + "\n"

    # --- ends -------------------------------------------------------------------------------------

    def ends(self) -> list[str]:
        positions = self.pick("learned", "sinusoid", "rope(10k)", "none")
        drop = self.maybe(0.1, ", dropout = 10%")
        if self.is_text:
            tokens = self.maybe(0.5, "tokenizer = none")
            return [
                f"input text(context = 6, vocabulary = 11{', ' + tokens if tokens else ''})",
                f"embed tokens(width, positions = {positions}{drop})",
            ]
        return [
            "input image([8, 8], channels = 1, classes = 10)",
            f"embed patches(width, size = 4, positions = {positions}{drop})",
        ]

    def head(self) -> str:
        norm = self.pick(*NORMS)
        if self.is_text:
            return f"head lm = unembed(tied = {self.pick('true', 'false')}, norm = {norm})"
        return f"head cls = classify(pool = mean, norm = {norm})"

    def asserts(self) -> list[str]:
        return [line for line in ("assert params < 1G", "assert row_independent") if self.random.random() < 0.2]

    def derived(self) -> list[str]:
        if not self.labels or self.random.random() < 0.6:
            return []
        return [f"net m = n with {{ {self.pick(*self.labels)}.scale = 0.5 }}"]

    # --- modules ----------------------------------------------------------------------------------

    def pick(self, *choices: str) -> str:
        return self.random.choice(choices)

    def maybe(self, chance: float, text: str) -> str:
        return text if self.random.random() < chance else ""

    def fresh(self, letter: str) -> str:
        self.names += 1
        return f"{letter}{self.names}_"

    def leaf(self, is_bare: bool = False) -> str:
        """A kind of one branch; bare ones stand in a pool that owns the norm."""
        norm = "" if is_bare else self.maybe(0.4, f", norm = {self.pick('layer', 'rms')}")
        bias = self.maybe(0.2, ", bias = true") + self.maybe(0.1, ", dropout = 10%")
        choice = self.random.random()
        if choice < 0.1:
            depthwise = self.pick("true", "false")
            return f"conv(3, depthwise = {depthwise}{norm})"
        if choice < 0.2:
            return f"linear_attention(heads = 2{norm})"
        if choice < 0.6:
            return f"mlp({self.pick(*ACTIVATIONS)}, {self.pick('2x', '1x', '12')}{norm}{bias})"
        return f"attention({self.heads()}{norm}{bias})"

    def heads(self) -> str:
        grouped = self.maybe(0.3, ", kv_heads = 1") + self.maybe(0.2, ", window = 3") if self.is_text else ""
        return "heads = 2" + grouped

    def kind(self) -> str:
        choice = self.random.random()
        if choice < 0.4:
            return self.leaf()
        if choice < 0.55:
            name = self.fresh("d")
            self.defs.append(f"def module {name}(h = 2x) {{ {self.leaf()}; mlp(gelu, h) }}")
            return f"{name}({self.maybe(0.5, 'h = 3x')})"
        return f"transformer({self.heads()}, mlp = {self.pick(*ACTIVATIONS)}({self.pick('2x', '8')}))"

    # --- statements -------------------------------------------------------------------------------

    def statement(self, depth: int) -> str:
        choice = self.random.random() if self.room > 0 else 0.0
        self.room -= 1
        if choice < 0.2 or depth > 2:
            return self.maybe(0.3, self.fresh("s") + ": ") + self.kind()
        if choice < 0.3:
            name = self.fresh("a")
            self.before.append(f"module {name} = {self.kind()}")
            return "; ".join([name] * self.random.randint(1, 2))
        if choice < 0.75:
            return self.route()
        if choice < 0.9:
            body = [self.statement(depth + 1) for _ in range(self.random.randint(1, 2))]
            return f"repeat {self.random.randint(1, 3)} {{\n" + "\n".join(body) + "\n}"
        branches = "; ".join(self.leaf() for _ in range(self.random.randint(2, 3)))
        return f"parallel {{ {branches} }}"

    def route(self) -> str:
        pool, label = self.fresh("p"), self.fresh("r")
        has_norm = self.random.random() < 0.25
        groups = [self.group(i, has_norm) for i in range(self.random.randint(1, 3))]
        size = sum(count for _, count in groups)
        skips = self.random.choice((0, 0, 1, 2))
        members = [text for text, _ in groups] + ([f"skip[{skips}] = identity()"] if skips else [])
        if size + skips < 2:
            members, size = [*members, "more[2] = mlp(gelu, 1x)"], size + 2
        norm = f"(norm = {self.pick('layer', 'rms')})" if has_norm else ""
        declared = f"pool {pool}{norm} {{ {'; '.join(members)} }}"
        # what a recipe holds cannot be seen from its name
        has_keys = not any(word in text for word in ("conv(", "linear_attention(") for text in (*members, *self.defs))
        fields = self.fields(size, skips, has_norm, has_keys)
        self.labels.append(label)
        if self.random.random() < 0.5:
            self.before.append(declared)
            declared = ""
        if self.random.random() < 0.2:
            router = self.fresh("w")
            self.before.append(f"router {router} {{ {fields} }}")
            self.labels.pop()
            return f"{declared}\n{label}: route {pool} by {router}"
        if self.random.random() < 0.2:
            router = self.fresh("q")
            self.defs.append(f"def router {router}() {{ {fields} }}")
            return f"{declared}\n{label}: route {pool} by {router}()"
        return f"{declared}\n{label}: route {pool} by {{ {fields} }}"

    def group(self, number: int, is_bare: bool) -> tuple[str, int]:
        count = self.random.choice((1, 2, 3))
        shown = f"[{count}]" if count > 1 or self.random.random() < 0.3 else ""
        return f"g{number}{shown} = {self.leaf(True) if is_bare else self.kind()}", count

    # --- routers ----------------------------------------------------------------------------------

    def fields(self, size: int, skips: int, has_norm: bool, has_keys: bool) -> str:
        """Fields that fit one another: the router learns through its weight, or need not learn."""
        total = size + skips
        k = self.random.randint(1, min(3, total))
        is_all = self.random.random() < 0.1
        if is_all:
            k = total
        fixed = not is_all and self.random.random() < 0.1
        learned = ("linear", "linear", "linear(per = last)", "cosine", f"mlp({self.pick('8', '1x')})")
        scores = (*learned, "hash(3)", "random", "constant")
        score = "linear" if fixed else self.pick(*scores)
        gate = self.pick("softmax", "softmax", "sigmoid")
        learns = score not in ("hash(3)", "random")
        weights = ["raw", "raw"]
        if k > 1 and not fixed:
            weights.append("renormalised")
        if not learns:
            weights += ["one", "uniform"]
        is_open = not is_all and not fixed and self.random.random() < 0.15
        gate = "relu_tanh(bias = 1.5)" if is_open else gate
        groups = ", groups = 2, from_groups = 2" if total % 2 == 0 and self.random.random() < 0.3 else ""
        drawn = (f"gumbel({k})", f"sample({k}, eval = {self.pick('largest', 'sample')})")
        top = self.pick(*drawn) if self.random.random() < 0.15 else f"top({k}{groups})"
        top = "nonzero" if is_open else top
        said = [f"choose = {'all' if is_all else f'fixed({self.random.randrange(total)})' if fixed else top}"]
        said += [f"score = {score}", f"gate = {gate}", f"weight = {self.pick(*weights)}"]
        said += [self.maybe(0.3, f"scale = {self.pick('2.5', '0.5')}"), self.maybe(0.3, "combine = in_branch")]
        sees = self.pick("everyone", "module" if has_keys else "everyone", "peers")
        said += [self.maybe(0.2, f"sees = {sees}"), self.maybe(0.1, "tau = 0.5")]
        said += [self.maybe(0.05, "tau = schedule(2, exponential(0.5, 50%))")] if "tau = 0.5" not in said else []
        view = self.pick("normed", "[normed, last]") if has_norm else "[h, step, last]"
        said += [self.maybe(0.4 if has_norm else 0.2, f"read = {view}"), self.maybe(0.1, "noise = jitter(1%)")]
        said.append(self.maybe(0.15, f"limit = capacity({self.pick('0.5', '1.25')}, order = position)"))
        terms = self.balance(k, skips, gate, learns and not is_all and not fixed)
        said.append(f"balance = [{'l1(1e-3)' * learns if is_open else terms}]")
        return "; ".join(field for field in said if field)

    def balance(self, k: int, skips: int, gate: str, may: bool) -> str:
        if not may:
            return ""
        terms = [self.maybe(0.3, self.pick("aux(0.01)", "aux(0.01, per = sequence)")), self.maybe(0.3, "z(1e-3)")]
        if skips >= k and self.random.random() < 0.5:
            terms.append(f"skip_target(skip, 25%, per = {self.pick('step', 'network', 'identity')}, rate = 1e-3)")
        elif gate == "sigmoid" and self.random.random() < 0.5:
            terms.append("load_bias(1e-3)")
        return ", ".join(term for term in terms if term)


def spec(seed: int) -> str:
    """One file with a net `n`, maybe one derived from it as `m`."""
    return Maker(seed).file()
