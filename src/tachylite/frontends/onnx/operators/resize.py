"""Resize and Upsample: TFLite's operators where they sample as the node does, else one axis after the other."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor

import numpy as np

from tachylite.frontends import nchw, resampling
from tachylite.frontends.builder import dims
from tachylite.frontends.onnx.node import Node, op
from tachylite.frontends.resampling import Axis
from tachylite.frontends.shaping import ints, size_of
from tachylite.frontends.types import cast, move
from tachylite.model.graph import Tensor

#: TFLite's options, in ONNX's words: (align_corners, half_pixel_centers) to the mode of coordinates and that of rounding.
VARIANTS = {
    (False, True): ("half_pixel", "round_prefer_ceil"),
    (True, False): ("align_corners", "round_prefer_ceil"),
    (False, False): ("asymmetric", "floor"),
}


@dataclass(frozen=True)
class Way:
    """How a node samples."""

    mode: str
    coordinates: str
    rounding: str
    coefficient: float
    is_cut: bool
    is_antialiased: bool
    outside: float

    @classmethod
    def of(cls, node: Node) -> "Way":
        is_old = node.version < 11
        return cls(
            node.get("mode", "nearest"),
            "asymmetric" if is_old else node.get("coordinate_transformation_mode", "half_pixel"),
            "floor" if is_old else node.get("nearest_mode", "round_prefer_floor"),
            node.get("cubic_coeff_a", -0.75),
            bool(node.get("exclude_outside", 0)),
            bool(node.get("antialias", 0)),
            node.get("extrapolation_value", 0.0),
        )

    @property
    def is_nearest(self) -> bool:
        return self.mode == "nearest"

    def weights(self, axis: Axis) -> np.ndarray:
        """What each new element is made of. float32 [new, old]."""
        places = resampling.coordinates(axis, self.coordinates)
        if self.is_nearest:
            return np.eye(axis.old, dtype=np.float32)[resampling.nearest(places, axis.old, self.rounding)]
        weight = resampling.cubic(self.coefficient) if self.mode == "cubic" else resampling.linear
        shrink = min(axis.scale, 1.0) if self.is_antialiased else 1.0
        return resampling.weights(places, axis.old, weight, shrink=shrink, is_cut=self.is_cut)


@op("Resize", "Upsample")
def resize(self: Node, x: Tensor, roi: Tensor | None = None, scales: Tensor | None = None, sizes: Tensor | None = None) -> Tensor:
    """Operator set 10 and Upsample have the scales in second place, Upsample of set 7 as an attribute."""
    if self.op == "Upsample" or self.version == 10:
        roi, scales = None, roi if roi is not None else self.build.constant(np.array(self.need("scales"), np.float32))
    chosen = [a % len(x.shape) for a in self.get("axes") or range(len(x.shape))]
    way = Way.of(self)
    sizes = sizes if sizes is not None and sizes.shape != (0,) else None
    if any(dims(x)[a] is None for a in _changed(self, x, chosen, scales, sizes)):
        return _unknown(self, x, way, chosen, scales, sizes)
    axes = _axes(self, x, chosen, scales, sizes)
    if roi is not None and way.coordinates == "tf_crop_and_resize":
        bounds = self.known(roi, "region").reshape(2, -1).T
        axes = {a: Axis(axis.old, axis.new, axis.scale, tuple(bounds[chosen.index(a)])) for a, axis in axes.items()}
    return _sampled(self, x, way, axes)


def _changed(self: Node, x: Tensor, chosen: Sequence[int], scales: Tensor | None, sizes: Tensor | None) -> list[int]:
    """The axes whose size may change."""
    if sizes is not None:
        wanted = self.build.sizes(sizes) or [None] * len(chosen)
        return [a for a, n in zip(chosen, wanted, strict=True) if n != dims(x)[a]]
    assert scales is not None
    return [a for a, s in zip(chosen, self.known(scales, "scales").tolist(), strict=True) if s != 1]


def _axes(self: Node, x: Tensor, chosen: Sequence[int], scales: Tensor | None, sizes: Tensor | None) -> dict[int, Axis]:
    """What becomes of the chosen axes, whose sizes are known."""
    if sizes is None:
        assert scales is not None
        factors = self.known(scales, "scales").tolist()
        return {a: Axis(x.shape[a], floor(x.shape[a] * s), s) for a, s in zip(chosen, factors, strict=True)}
    wanted = self.build.sizes(sizes) or []
    pairs = {a: (x.shape[a], x.shape[a] if n is None else n) for a, n in zip(chosen, wanted, strict=True)}
    policy = self.get("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        return {a: Axis(old, new, new / old) for a, (old, new) in pairs.items()}
    scale = (min if policy == "not_larger" else max)(new / old for old, new in pairs.values())
    return {a: Axis(old, floor(old * scale + 0.5), scale) for a, (old, _) in pairs.items()}


def _sampled(self: Node, x: Tensor, way: Way, axes: dict[int, Axis]) -> Tensor:
    matrices = {a: way.weights(axis) for a, axis in axes.items() if dims(x)[a] is not None}
    matrices = {a: m for a, m in matrices.items() if m.shape[0] != m.shape[1] or not np.array_equal(m, np.eye(len(m)))}
    y = _of_tflite(self, x, way, matrices)
    if y is None:
        y = x
        for a, matrix in matrices.items():
            is_picked = way.is_nearest
            y = (
                move(self.build, "GATHER", [y], matrix.argmax(1).astype(np.int32), axis=a)
                if is_picked
                else nchw.resample(self.build, y, a, matrix)
            )
    return _without_outside(self, y, way, axes)


def _of_tflite(self: Node, x: Tensor, way: Way, matrices: dict[int, np.ndarray]) -> Tensor | None:
    """The operator that samples height and width so, where there is one."""
    if len(x.shape) != 4 or not matrices or not set(matrices) <= {2, 3} or x.dtype != np.float32 or None in dims(x)[2:]:
        return None
    wanted = [matrices.get(a, np.eye(x.shape[a], dtype=np.float32)) for a in (2, 3)]
    sizes = [len(m) for m in wanted]
    for flags, (coordinates, rounding) in VARIANTS.items():
        other = Way("nearest" if way.is_nearest else "linear", coordinates, rounding, 0, False, False, 0)
        found = [other.weights(Axis(x.shape[a], n, n / x.shape[a])) for a, n in zip((2, 3), sizes, strict=True)]
        if all(np.allclose(m, f, atol=1e-5) for m, f in zip(wanted, found, strict=True)):
            return nchw.resize(self.build, x, sizes, "NEAREST_NEIGHBOR" if way.is_nearest else "BILINEAR", *flags)
    return None


def _without_outside(self: Node, y: Tensor, way: Way, axes: dict[int, Axis]) -> Tensor:
    """A value of its own for what lies outside of the picture, where a region is cut out."""
    if way.coordinates != "tf_crop_and_resize":
        return y
    is_inside = np.ones([1] * len(y.shape), bool)
    for a, axis in axes.items():
        places = resampling.coordinates(axis, way.coordinates)
        inside = (places >= 0) & (places <= axis.old - 1)
        is_inside = is_inside & inside.reshape([-1 if i == a else 1 for i in range(len(y.shape))])
    return y if is_inside.all() else self.build.SELECT_V2(is_inside, y, np.array(way.outside, np.float32))


def _unknown(self: Node, x: Tensor, way: Way, chosen: Sequence[int], scales: Tensor | None, sizes: Tensor | None) -> Tensor:
    """Height and width that the run knows: the operator that samples so whatever they are."""
    flags = next((f for f, (mode, rounding) in VARIANTS.items() if _is_like(way, mode, rounding)), None)
    if flags is None or len(x.shape) != 4 or way.mode == "cubic" or way.is_antialiased or self.has("keep_aspect_ratio_policy"):
        raise self.refuse(
            f"it resizes unknown sizes in a way that TFLite has none for ({way.mode}, {way.coordinates})", "fix them with input_shapes="
        )
    return nchw.resize(self.build, x, _target(self, x, chosen, scales, sizes), "NEAREST_NEIGHBOR" if way.is_nearest else "BILINEAR", *flags)


def _is_like(way: Way, mode: str, rounding: str) -> bool:
    alike = way.coordinates.removeprefix("pytorch_") == mode
    return alike and (
        not way.is_nearest or way.rounding.removesuffix("_floor") == rounding.removesuffix("_ceil") or way.rounding == rounding
    )


def _target(self: Node, x: Tensor, chosen: Sequence[int], scales: Tensor | None, sizes: Tensor | None) -> Tensor:
    """Height and width of the result, int32 [2]."""
    build = self.build
    if sizes is not None:
        return build.GATHER(cast(build, sizes, np.int32), ints(*(list(chosen).index(a) for a in (2, 3))), axis=0)
    assert scales is not None
    factors = dict(zip(chosen, self.known(scales, "scales").tolist(), strict=True))
    if any(factors.get(a, 1) % 1 for a in (2, 3)):
        raise self.refuse(
            f"it scales unknown sizes by {[factors.get(a, 1) for a in (2, 3)]}", "take whole numbers, or fix them with input_shapes="
        )
    parts = [build.MUL(build.RESHAPE(_tensor(self, size_of(build, x, a)), ints(1)), ints(int(factors.get(a, 1)))) for a in (2, 3)]
    return build.CONCATENATION(*parts, axis=0)


def _tensor(self: Node, size: int | Tensor) -> Tensor:
    return size if isinstance(size, Tensor) else self.build.constant(np.array(size, np.int32))
