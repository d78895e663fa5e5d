"""Eight numbers in a vector register, as values inside kernels.

The compiler vectorises long loops by itself, but not the short ones that descriptors consist of: eight radial
functions, eight neighbours. `Lanes` say it outright. LLVM lays them into whatever registers a processor has, one of
512 bits, two of 256 or four of 128; results do not depend on that.

Inside a `kernel`: ``load(array, i)`` and ``store(array, i, x)`` move eight consecutive numbers of a contiguous
array, counted from its first element whatever its shape and *without a check of the bounds*; ``splat(number)`` fills
all lanes; ``+``, ``-``, ``*``, ``/`` work between lanes, and ``fma(x, y, z)`` is xy + z, with x a number or lanes;
``root(x)`` is the square root, ``total(x)`` the sum over the lanes.
"""

from __future__ import annotations

# numba asks for signatures in which not every argument is of use
# ruff: noqa: ARG001
import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic, models, overload, register_model

LANES = 8
"""How many numbers there are in `Lanes`."""

_VECTOR = ir.VectorType(ir.DoubleType(), LANES)
_ANY = ir.Constant(_VECTOR, ir.Undefined)
_FAST = ("contract", "reassoc", "nsz", "arcp")


def padded(size: int) -> int:
    """The next multiple of `LANES`."""
    return -(-size // LANES) * LANES


class Lanes(types.Type):
    """The numba type of eight float64."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


lanes = Lanes()


def _for_kernels(implementation: Callable[..., Any]) -> Any:
    """What a kernel calls with fewer arguments than its implementation has: not a thing for a type checker."""
    return intrinsic(implementation)


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)  # type: ignore[no-untyped-call]


def _pointer(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), _VECTOR.as_pointer())


def _splat(builder: Any, number: Any) -> Any:
    first = builder.insert_element(_ANY, number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, _ANY, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))


@_for_kernels
def load(typing_context: Any, array: Any, index: Any) -> Any:
    """Eight consecutive numbers."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_pointer(context, builder, signature.args[0], *arguments), align=8)

    return lanes(array, types.int64), generate


@_for_kernels
def store(typing_context: Any, array: Any, index: Any, value: Any) -> Any:
    """Put eight numbers into consecutive places."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store(arguments[2], _pointer(context, builder, signature.args[0], *arguments[:2]), align=8)
        return context.get_dummy_value()

    return types.void(array, types.int64, lanes), generate


@_for_kernels
def splat(typing_context: Any, number: Any) -> Any:
    """One number in all lanes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _splat(builder, arguments[0])

    return lanes(types.float64), generate


@_for_kernels
def fma(typing_context: Any, x: Any, y: Any, z: Any) -> Any:
    """``x * y + z``; x a number or lanes, y and z lanes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        factor = arguments[0] if isinstance(signature.args[0], Lanes) else _splat(builder, arguments[0])
        return builder.fadd(builder.fmul(factor, arguments[1], flags=_FAST), arguments[2], flags=_FAST)

    return lanes(x if isinstance(x, Lanes) else types.float64, lanes, lanes), generate


@_for_kernels
def root(typing_context: Any, x: Any) -> Any:
    """Square root of each lane."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(_VECTOR, [_VECTOR])
        function: Any = get_or_insert_function(builder.module, kind, f"llvm.sqrt.v{LANES}f64")  # type: ignore[no-untyped-call]
        return builder.call(function, arguments)

    return lanes(lanes), generate


@_for_kernels
def total(typing_context: Any, x: Any) -> Any:
    """Sum over the lanes, by halves."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        (vector,) = arguments
        size = LANES
        while size > 1:
            size //= 2
            low, high = (
                builder.shuffle_vector(
                    vector,
                    vector,
                    ir.Constant(ir.VectorType(ir.IntType(32), size), list(range(start, start + size))),
                )
                for start in (0, size)
            )
            vector = builder.fadd(low, high, flags=_FAST)
        return builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))

    return types.float64(lanes), generate


def _between(name: str) -> Any:
    """The operation of two lanes that LLVM's builder calls `name`."""

    @_for_kernels
    def operation(typing_context: Any, x: Any, y: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return getattr(builder, name)(*arguments, flags=_FAST)

        return lanes(lanes, lanes), generate

    return operation


def _offer(function: Callable[..., Any], operation: Any) -> None:
    @overload(function)
    def chosen(x: Any, y: Any) -> Any:
        if isinstance(x, Lanes) and isinstance(y, Lanes):

            def applied(x: Any, y: Any) -> Any:
                return operation(x, y)

            return applied
        return None


_offer(operator.add, _between("fadd"))
_offer(operator.sub, _between("fsub"))
_offer(operator.mul, _between("fmul"))
_offer(operator.truediv, _between("fdiv"))
