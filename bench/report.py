"""The table: each figure with its target, and whether it is reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

ONE_ARRAY, SEVERAL_ARRAYS = 0.7, 1.0  # microseconds over hand-written code
OF_EINOPS = 1 / 3
UNDER_EINX = 15
COLD, COLD_OF_EINX = 1000.0, 1 / 10  # microseconds; of einx's
NEW_SHAPE = 1.10  # times a warm call, after what two passes over the same shapes differ by in hand-written code
IMPORT = 40.0  # milliseconds
KERNEL = 1.10  # times the best hand-written form
GRAPHS = 2


def verdict(reached: bool) -> str:
    return "ok" if reached else "MISSED"


def heading(title: str, targets: str) -> Iterator[str]:
    yield ""
    yield title
    yield f"  targets: {targets}"


# -- warm calls -----------------------------------------------------------------------------------------


def warm(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield from heading(
        "WARM CALL, tiny tensors: hand-written torch in us, and what each library takes on top of it",
        f"at most {ONE_ARRAY} us with one array, {SEVERAL_ARRAYS} with more; 1/3 of einops; 1/{UNDER_EINX} of einx",
    )
    yield f"  {'':23}{'hand':>6}{'wirework':>13}{'einops':>9}{'einx':>9}{'of einops':>11}{'einx/ww':>9}"
    for row in rows:
        yield warm_row(row)
    yield from summary(rows)


def warm_row(row: dict[str, Any]) -> str:
    ours = row["wirework"]
    line = f"  {row['name']:23}{row['hand']:6.2f}{ours['extra']:+8.2f} ±{ours['spread']:<4.2f}"
    for name in ("einops", "einx"):
        line += f"{short(row[name]['extra']):>9}" if name in row else f"{'-':>9}"
    line += f"{of_einops(row):11.2f}" if "einops" in row else f"{'-':>11}"
    line += f"{under_einx(row):8.0f}x" if "einx" in row else f"{'-':>9}"
    missed = warm_misses(row)
    return f"{line}  {'MISSED ' + ', '.join(missed) if missed else 'ok'}"


def short(extra: float) -> str:
    """Microseconds with a sign, without decimals where they are many."""
    return f"{extra:+.2f}" if abs(extra) < 1000 else f"{extra:+.0f}"


def of_einops(row: dict[str, Any]) -> float:
    return row["wirework"]["extra"] / row["einops"]["extra"]


def under_einx(row: dict[str, Any]) -> float:
    return row["einx"]["extra"] / max(row["wirework"]["extra"], 0.05)


def limit(row: dict[str, Any]) -> float:
    return ONE_ARRAY if row["arrays"] == 1 else SEVERAL_ARRAYS


def warm_misses(row: dict[str, Any]) -> list[str]:
    """Which of its targets a row misses."""
    missed = ["us"] if row["wirework"]["extra"] > limit(row) else []
    missed += ["einops"] if "einops" in row and of_einops(row) > OF_EINOPS else []
    return missed + (["einx"] if "einx" in row and under_einx(row) < UNDER_EINX else [])


def summary(rows: list[dict[str, Any]]) -> Iterator[str]:
    """The middle and the worst of all rows."""
    for count, title in ((1, "one array"), (2, "more arrays")):
        extras = sorted(row["wirework"]["extra"] for row in rows if min(row["arrays"], 2) == count)
        reached = sum(row["wirework"]["extra"] <= limit(row) for row in rows if min(row["arrays"], 2) == count)
        middle = extras[len(extras) // 2]
        reach = f"{reached} of {len(extras)} reach the target"
        yield f"  {title}: median {middle:+.2f} us, worst {extras[-1]:+.2f} us; {reach}"


# -- what is new -------------------------------------------------------------------------------------------


def cold(times: Mapping[str, float]) -> Iterator[str]:
    yield from heading(
        "COLD EXPRESSION: the first call, median over distinct expressions, us",
        "at most 1 ms; 1/10 of einx",
    )
    reached = times["wirework"] <= COLD and times["wirework"] <= COLD_OF_EINX * times["einx"]
    ratio = times["einx"] / times["wirework"]
    yield (
        f"  wirework {times['wirework']:.0f}   einops {times['einops']:.0f}   einx {times['einx']:.0f}"
        f"   einx/ww {ratio:.0f}x   {verdict(reached)}"
    )


def shapes(times: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    yield from heading(
        "NEW SHAPE for a known expression: median us of single calls, then of the same shapes again",
        "no dearer than a known shape (but for what hand-written code shows too)",
    )
    by_itself = max(1.0, times["hand"]["new"] / times["hand"]["known"])
    for name, row in times.items():
        ratio = row["new"] / row["known"]
        mark = verdict(ratio <= NEW_SHAPE * by_itself) if name == "wirework" else ""
        yield f"  {name:12} new {row['new']:10.2f}   known {row['known']:8.2f}   ratio {ratio:8.2f}   {mark}".rstrip()


def imports(rows: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield from heading("IMPORT after numpy, ms", f"at most {IMPORT:.0f} ms; loads neither torch nor jax")
    for name, row in rows.items():
        loads = ", ".join(row["loads"]) or "no framework"
        mark = verdict(row["ms"] <= IMPORT and not row["loads"]) if name == "wirework" else ""
        line = f"  {name:12} {row['ms']:7.1f}   with a first call {row['with_call_ms']:7.1f}   loads {loads}"
        yield f"{line}   {mark}".rstrip()


# -- kernels and graphs --------------------------------------------------------------------------------------


def kernels(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield from heading(
        "LARGE TENSORS: the best hand-written form in ms, and how many times that the others take",
        f"the same kernels: at most {KERNEL:.2f} times the best",
    )
    yield f"  {'':33}{'hand':>7}{'wirework':>15}{'einsum':>8}         kernels of wirework"
    for row in rows:
        ours = row["wirework"]
        line = f"  {row['name']:33}{row['hand']:7.2f}{ours['ratio']:9.2f} ±{ours['spread']:<4.2f}"
        line += f"{row['einsum']['ratio']:8.2f}" if "einsum" in row else f"{'-':>8}"
        yield f"{line}  {verdict(ours['ratio'] <= KERNEL):6} {shortened(row['kernels'])}"


def shortened(text: str) -> str:
    return text.replace("scaled_dot_product_", "sdp_").removesuffix("_for_cpu")


def graphs(rows: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield from heading(
        "TORCH.COMPILE, fullgraph=True, 8 sequence lengths, no warm-up", f"at most {GRAPHS} graphs, no breaks"
    )
    for name, row in rows.items():
        ended = f", then {row['error']}" if row["error"] else ""
        mark = verdict(row["graphs"] <= GRAPHS and not row["error"]) if name == "wirework" else ""
        yield f"  {name:12} {row['graphs']} graphs for {row['ran']} lengths{ended}   {mark}".rstrip()


def table(found: Mapping[str, Any]) -> str:
    """All of it as text."""
    machine = found["machine"]
    lines = [f"{machine['processor']}, {machine['cores']} cores, one thread; {machine['versions']}"]
    lines += [*warm(found["warm"]), *cold(found["cold"]), *shapes(found["shapes"]), *imports(found["imports"])]
    lines += [*kernels(found["kernels"]), *graphs(found["graphs"])]
    return "\n".join(lines)
