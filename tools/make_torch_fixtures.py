"""Write tests/frontends/data/torch.npz: small exported programs with PyTorch's answers. Needs torch, which the tests do not.

python tools/make_torch_fixtures.py
"""
# mypy: disable-error-code="misc, no-any-return, untyped-decorator"

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 -- its usual name
from torch import nn

from tachylite.frontends.torch.reader import read

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "tests" / "frontends" / "data" / "torch.npz"
BATCH = torch.export.Dim("b", min=3)

#: A name, a module or a function, example inputs, and whether their first dimension is unknown.
Case = tuple[str, Any, list[Any], bool]


class Function(nn.Module):
    def __init__(self, function: Callable[..., Any]):
        super().__init__()
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.function(x)


def floats(*shape: int) -> Any:
    return torch.randn(shape)


# Nets.


def conv_bn(into: int, out: int, size: int = 3, stride: int = 1, groups: int = 1) -> nn.Module:
    conv = nn.Conv2d(into, out, size, stride, size // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out), nn.ReLU(inplace=True))


class ResNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv_bn(3, 8, 7, 2), nn.MaxPool2d(3, 2, 1))
        self.first = nn.Sequential(conv_bn(8, 8), nn.Conv2d(8, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8))
        self.short = nn.Sequential(nn.Conv2d(8, 16, 1, 2, bias=False), nn.BatchNorm2d(16))
        self.second = nn.Sequential(conv_bn(8, 16, 3, 2), nn.Conv2d(16, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16))
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Linear(16, 5)

    def forward(self, x: Any) -> Any:
        x = self.stem(x)
        y = self.first(x)
        y += x
        x = self.relu(y)
        y = self.second(x)
        y += self.short(x)
        return self.head(torch.flatten(F.adaptive_avg_pool2d(self.relu(y), 1), 1))


class MobileNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.Hardswish())
        deep = [nn.Conv2d(8, 32, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU6()]
        wide = [nn.Conv2d(32, 32, 3, 1, 1, groups=32, bias=False), nn.BatchNorm2d(32), nn.ReLU6()]
        self.block = nn.Sequential(*deep, *wide, nn.Conv2d(32, 8, 1, bias=False), nn.BatchNorm2d(8))
        self.squeeze = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 4, 1), nn.ReLU(), nn.Conv2d(4, 8, 1), nn.Hardsigmoid())
        self.head = nn.Linear(8, 5)

    def forward(self, x: Any) -> Any:
        x = self.stem(x)
        x = x + self.block(x)
        x = x * self.squeeze(x)
        return self.head(F.dropout(x.mean([2, 3]), 0.2, self.training))


class Block(nn.Module):
    def __init__(self, width: int = 16):
        super().__init__()
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 32), nn.GELU(), nn.Linear(32, width))

    def forward(self, x: Any) -> Any:
        y = self.before(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.between(x))


class VisionTransformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 8, 8)
        self.token, self.places = nn.Parameter(floats(1, 1, 16)), nn.Parameter(floats(1, 17, 16))
        self.block, self.norm, self.head = Block(), nn.LayerNorm(16), nn.Linear(16, 5)

    def forward(self, x: Any) -> Any:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.places
        return self.head(self.norm(self.block(x))[:, 0])


class Recurrent(nn.Module):
    def __init__(self, kind: str, **options: Any):
        super().__init__()
        self.layer = getattr(nn, kind)(4, 6, batch_first=True, **options)

    def forward(self, x: Any) -> Any:
        return self.layer(x)[0]


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.top, self.middle, self.bottom = conv_bn(3, 8), conv_bn(8, 16), conv_bn(16, 32)
        self.up, self.right = nn.ConvTranspose2d(32, 16, 2, 2), conv_bn(32, 16)
        self.wide = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.last, self.head, self.pool = conv_bn(24, 8), nn.Conv2d(8, 2, 1), nn.MaxPool2d(2)

    def forward(self, x: Any) -> Any:
        a = self.top(x)
        b = self.middle(self.pool(a))
        c = self.bottom(self.pool(b))
        d = self.right(torch.cat([self.up(c), b], 1))
        return torch.sigmoid(self.head(self.last(torch.cat([self.wide(d), a], 1))))


def nets() -> Iterator[Case]:
    yield "resnet", ResNet(), [floats(3, 3, 32, 32)], True
    yield "vision_transformer", VisionTransformer(), [floats(3, 3, 32, 32)], True
    yield "unet", UNet(), [floats(3, 3, 16, 16)], True
    yield "lstm", Recurrent("LSTM"), [floats(3, 5, 4)], False
    yield "lstm_of_any_batch", Recurrent("LSTM"), [floats(3, 5, 4)], True
    yield "mobilenet", MobileNet(), [floats(3, 3, 32, 32)], False
    yield "gru", Recurrent("GRU", num_layers=2, bidirectional=True), [floats(3, 5, 4)], False
    yield "rnn", Recurrent("RNN", nonlinearity="relu", bias=False), [floats(3, 5, 4)], False
    yield "states", nn.LSTM(4, 6, num_layers=2), [floats(5, 2, 4)], False
    yield "encoder", nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), [floats(2, 5, 16)], False


# Operators.


def elementwise() -> Iterator[Case]:
    x = floats(4, 6)
    names = "abs ceil cos exp floor sigmoid sign sin square tanh round reciprocal expm1 exp2 tan sinh cosh erf erfc trunc frac atan"
    yield "functions", lambda x: [getattr(x, name)() for name in names.split()], [x], False
    positive = "log sqrt rsqrt log1p log2 log10"
    yield "functions_of_positive_numbers", lambda x: [getattr(x.abs() + 0.1, name)() for name in positive.split()], [x], False
    plain = "relu relu6 hardtanh hardswish hardsigmoid silu mish gelu elu selu softplus softsign tanhshrink softshrink hardshrink glu"
    yield "activations", lambda x: [getattr(F, name)(x) for name in plain.split()], [x], False
    yield "activations_with_parameters", parameters, [x], False
    yield "arithmetic", arithmetic, [x], False
    yield "choices", choices, [x], False
    yield "integers", integers, [torch.tensor([-5, -1, 0, 1, 4, 5])], False


def parameters(x: Any) -> Any:
    smooth = F.gelu(x, approximate="tanh"), F.elu(x, 0.5), F.celu(x, 0.7), F.softplus(x, 2), F.softmax(x, 0), F.log_softmax(x, 1)
    return *smooth, F.hardtanh(x, -0.5, 0.5), F.leaky_relu(x, 0.1), F.threshold(x, 0.1, 2.0), F.prelu(x, torch.full((6,), 0.3))


def arithmetic(x: Any) -> Any:
    y = x[0] + 2
    plain = x + y, x - y, x * y, x / y, x + 1, 1 - x, 2 / x, x**2, x**3, x.abs() ** 0.5, x.abs() ** y, 2**x, -x
    rounded = torch.fmod(x, 0.7), torch.remainder(x, 0.7), x // 0.3, torch.div(x, y, rounding_mode="trunc")
    mixed = torch.lerp(x, y, 0.3), torch.addcmul(x, x, y, value=0.5), torch.addcdiv(x, x, y), torch.add(x, y, alpha=2)
    return *plain, *rounded, *mixed, torch.atan2(x, y), torch.sub(x, y, alpha=3)


def choices(x: Any) -> Any:
    y = x[0]
    clamps = x.clamp(-0.5, 0.5), x.clamp(min=0), x.clamp(max=y), torch.maximum(x, y), torch.minimum(x, y)
    return *clamps, torch.where(x > 0, x, 0.0), x.masked_fill(x > y, -1.0), x.isnan(), x.isinf(), x.isfinite(), x.nan_to_num()


def integers(i: Any) -> Any:
    numbers = i + 1, i * 2, i // 3, i % 3, i / 2, i + 0.5, torch.fmod(i, 3), i.abs(), -i, i.clamp(0, 3), i**2, i.sum(), i.float().mean()
    truths = i > 1, (i > 1) & (i < 4) | (i == 5), ~(i > 1), (i > 1) ^ (i > 0), i.bool(), i != 0
    return *numbers, *truths, i.to(torch.int32), (i > 0).float() + 1, torch.where(i > 0, i, 0), torch.where(i > 0, 1.5, 0.0)


def reductions() -> Iterator[Case]:
    x = floats(4, 6)
    yield "reductions", reduced, [x], False
    yield "statistics", lambda x: (x.var(1), x.std(0, unbiased=False), *torch.var_mean(x, 1), x.norm(), x.norm(1, 0)), [x], False
    yield "positions", lambda x: (*x.max(1), *x.min(0, keepdim=True), x.argmax(), x.argmax(1), x.argmin(0, keepdim=True)), [x], False
    yield "orders", lambda x: (*x.topk(3), *x.sort(1), x.argsort(0, descending=True), x.cumsum(1), *x.topk(2, largest=False)), [x], False


def reduced(x: Any) -> Any:
    sums = x.sum(), x.sum(0), x.mean(1, keepdim=True), x.prod(1), x.logsumexp(1), F.cosine_similarity(x, x + 1)
    return *sums, x.amax(0), x.amin((0, 1)), x.max(), (x > 0).any(), (x > 0).all(0)


def shapes() -> Iterator[Case]:
    x, picture = floats(4, 6), floats(2, 4, 9, 8)
    yield "views", views, [x], False
    yield "repeated", repeated, [x], False
    yield "parts", parts, [x], False
    yield "indexed", indexed, [x], False
    yield "made", made, [x], False
    yield "in_place", in_place, [x], False
    yield "open_sizes", open_sizes, [x], True
    yield "pads", padded, [picture], False


def views(x: Any) -> Any:
    axes = x[None].squeeze(0), x.unsqueeze(-1), x.t(), x.T, x.permute(1, 0), x.transpose(0, 1), x.movedim(0, 1)
    return x.view(2, 12), x.reshape(-1), x.unflatten(1, (2, 3)), x.flatten(), *axes


def repeated(x: Any) -> Any:
    return x[:, None].expand(-1, 3, -1), x.repeat(2, 1), x.repeat(2, 1, 1), x.repeat_interleave(2, 1), x.tile(2), x.roll((1, 2), (0, 1))


def parts(x: Any) -> Any:
    cut = x[1:3, ::2], x[-1], x[:, -2:], x[..., 0], x.narrow(1, 2, 3), x.select(1, -1), x.flip(0, 1), x[:, 1:-1]
    joined = torch.cat([x, x]), torch.stack([x, x], -1), torch.hstack([x, x])
    return *cut, *joined, *x.split(2, 1), *x.split([1, 5], 1), *x.chunk(4, 1), *x.unbind(0)


def indexed(x: Any) -> Any:
    i = torch.argsort(x[:, 0])
    known = x[[0, 2]], x[:, [-1, 0]]
    return *known, x[i], x[:, i], x[i, i], x.index_select(1, i), torch.gather(x, 1, i[:, None]), F.embedding(i, x), F.one_hot(i, 5)


def made(x: Any) -> Any:
    new = torch.zeros(2, 3), torch.ones_like(x), torch.full((2,), 3.0), x.new_zeros(3), torch.arange(1, 7, 2), torch.linspace(0, 1, 5)
    return *(x.sum() + y for y in new), torch.eye(4) @ x, x.tril(), x.triu(1), *torch.meshgrid(x[0], x[:, 0], indexing="ij")


def in_place(x: Any) -> Any:
    y = x.clone()
    y[:, 0] = 1.0
    y[1:3, 2:4] += 2
    z = y.view(-1)
    z.mul_(2)
    return y, z


def open_sizes(x: Any) -> Any:
    rows = x.shape[0]
    made = torch.arange(rows), torch.zeros(rows, 3) + 1, torch.ones_like(x)
    return x.view(rows, -1), x.reshape(-1, 3), torch.cat([x, x]), x * rows, x[1:], x.expand(2, -1, -1), x.flatten(), x.mean(0), *made


def padded(p: Any) -> Any:
    constant = F.pad(p, (1, 2)), F.pad(p, (1, 2, 0, 3), value=1.0), F.pad(p, (-1, 1)), nn.ZeroPad2d(1)(p)
    return *constant, F.pad(p, (1, 2, 2, 1), mode="reflect"), F.pad(p, (1, 2, 2, 1), mode="replicate")


def spatial() -> Iterator[Case]:
    picture = floats(2, 4, 9, 8)
    yield "convolutions", convolutions, [picture], False
    yield "transposed", transposed, [picture], False
    yield "pools", pools, [picture], False
    yield "adaptive_pools", adaptive_pools, [picture], False
    yield "resized", resized, [picture], False
    yield "norms", norms, [picture], False


def convolutions(p: Any) -> Any:
    line, volume = p[:, :, 0], p[:, :, None].expand(-1, -1, 3, -1, -1)
    flat = F.conv2d(p, torch.ones(6, 2, 3, 3), torch.ones(6), 2, 1, 2, 2), F.conv2d(p, torch.ones(8, 1, 3, 2), padding="same", groups=4)
    single = F.conv2d(p[0], torch.ones(2, 4, 1, 1))
    return *flat, single, F.conv1d(line, torch.ones(3, 4, 3), padding=1), F.conv3d(volume, torch.ones(2, 4, 2, 3, 3), padding=1)


def transposed(p: Any) -> Any:
    flat = F.conv_transpose2d(p, torch.ones(4, 3, 3, 3), torch.ones(3), 2, 1, 1), F.conv_transpose2d(p, torch.ones(4, 2, 3, 3), groups=2)
    return *flat, F.conv_transpose1d(p[:, :, 0], torch.ones(4, 2, 4), stride=3), F.pixel_shuffle(p, 2), F.pixel_unshuffle(p[:, :, :8], 2)


def pools(p: Any) -> Any:
    greatest = F.max_pool2d(p, 3, 2, 1), F.max_pool2d(p, 2, ceil_mode=True), F.max_pool2d(p, 2, 1, dilation=2), F.max_pool1d(p[:, :, 0], 2)
    means = F.avg_pool2d(p, 3, 2, 1), F.avg_pool2d(p, 3, 2, 1, count_include_pad=False), F.avg_pool2d(p, 2, 2, ceil_mode=True)
    return *greatest, *means, F.avg_pool1d(p[:, :, 0], 3, 1, 1), F.lp_pool2d(p, 2, 2)


def adaptive_pools(p: Any) -> Any:
    means = F.adaptive_avg_pool2d(p, 1), F.adaptive_avg_pool2d(p, (3, 4)), F.adaptive_avg_pool2d(p, (2, 3))
    return *means, F.adaptive_max_pool2d(p, (3, 2)), F.adaptive_avg_pool1d(p[:, :, 0], 4)


def resized(p: Any) -> Any:
    nearest = F.interpolate(p, scale_factor=2), F.interpolate(p, size=(12, 11)), F.interpolate(p[:, :, 0], scale_factor=3)
    ways = [(2, None, False), (None, (13, 5), False), (None, (13, 5), True), (1.7, None, False)]
    linear = [F.interpolate(p, size, scale, "bilinear", align_corners=corners) for scale, size, corners in ways]
    return *nearest, *linear, F.interpolate(p, scale_factor=1.5, mode="bicubic"), F.interpolate(p[:, :, 0], scale_factor=2, mode="linear")


def norms(p: Any) -> Any:
    plain = F.layer_norm(p, (8,)), F.group_norm(p, 2), F.instance_norm(p), F.rms_norm(p, (8,)), F.local_response_norm(p, 3)
    return *plain, F.batch_norm(p, torch.zeros(4), torch.ones(4)), F.prelu(p, torch.tensor([0.1, 0.2, 0.3, 0.4]))


def linear() -> Iterator[Case]:
    yield "products", products, [floats(4, 6)], False
    yield (
        "sums",
        lambda x: [*(torch.einsum(e, x, x) for e in ("ab,cb->ac", "ij,ik->jk", "ij,kj")), torch.einsum("ab->ba", x)],
        [floats(4, 6)],
        False,
    )
    yield "attention", attention, [floats(2, 4, 4, 5)], False


def products(x: Any) -> Any:
    plain = x @ x.T, x[0] @ x[1], x @ x[0], x[0] @ x.T, torch.mm(x, x.t()), torch.bmm(x[None], x.t()[None]), torch.outer(x[0], x[1])
    return *plain, torch.addmm(x[:, :4], x, x.t(), beta=0.5, alpha=2), F.linear(x[0], x)


def attention(x: Any) -> Any:
    ways = [{"is_causal": True}, {"attn_mask": torch.ones(4, 4).tril().bool()}, {"attn_mask": torch.full((4, 4), 0.3)}, {"scale": 2.0}]
    grouped = F.scaled_dot_product_attention(x, x[:, :2], x[:, 2:], enable_gqa=True)
    return *(F.scaled_dot_product_attention(x, x, x, **way) for way in ways), grouped


def control() -> Iterator[Case]:
    yield "branches", lambda x: torch.cond(x.sum() > 0, lambda x: x + 1, lambda x: x * 2, (x,)), [floats(4, 6)], False


def main() -> None:
    sys.path.insert(0, str(ROOT))
    packed = importlib.import_module("tests.frontends.plain").packed
    torch.manual_seed(5)
    contents: dict[str, Any] = {}
    for family in (nets, elementwise, reductions, shapes, spatial, linear, control):
        for name, function, inputs, is_open in family():
            module = (function if isinstance(function, nn.Module) else Function(function)).eval()
            for buffer in module.buffers():
                if buffer.dtype == torch.float32:
                    buffer.copy_(torch.rand_like(buffer) + 0.5)
            shapes_of = [{0: BATCH} for _ in inputs] if is_open else None
            program = torch.export.export(module, tuple(inputs), dynamic_shapes=shapes_of)
            contents |= packed(read(program), name)
            contents |= {f"{name}/in_{i}": x.numpy() for i, x in enumerate(inputs)}
            with torch.no_grad():
                answers = torch.utils._pytree.tree_leaves(module(*inputs))
            contents |= {f"{name}/out_{i}": y.numpy() for i, y in enumerate(answers)}
    np.savez_compressed(TARGET, **contents)


if __name__ == "__main__":
    main()
