"""Programs of torch.export, as `tools/make_torch_fixtures.py` read and answered them; and, where torch is installed, live ones."""

from pathlib import Path

import numpy as np
import pytest

import tachylite
from tachylite import passes
from tachylite.frontends.options import Options
from tachylite.frontends.torch.node import op
from tachylite.frontends.traced.model import convert_program
from tachylite.frontends.traced.program import Body, Node, Program, Ref, Value
from tachylite.model.errors import FileError, TachyliteError, UnsupportedError

from .harness import assert_answers
from .plain import unpacked

FIXTURES = np.load(Path(__file__).parent / "data" / "torch.npz")
CASES = sorted({key.partition("/")[0] for key in FIXTURES.files})


def numbered(case, kind):
    count = sum(key.startswith(f"{case}/{kind}_") for key in FIXTURES.files)
    return [FIXTURES[f"{case}/{kind}_{i}"] for i in range(count)]


def converted(case, optimize=True, **options):
    model = convert_program(unpacked(FIXTURES, case), op, Options(**options), "PyTorch", is_channels_first=True)
    return passes.optimize(model) if optimize else model


def names(model):
    return [o.op for o in model.operators()]


@pytest.mark.parametrize("optimize", [False, True], ids=["plain", "optimized"])
@pytest.mark.parametrize("case", CASES)
def test_program_gives_the_answers_of_pytorch(case, optimize):
    assert_answers(converted(case, optimize), numbered(case, "in"), numbered(case, "out"))


def test_convolutional_nets_turn_their_pictures_once():
    """Batch norms and activations are fused; TRANSPOSEs stand at the borders alone."""
    counts = {case: names(converted(case)) for case in ("resnet", "mobilenet", "unet")}
    assert {case: found.count("TRANSPOSE") for case, found in counts.items()} == {"resnet": 1, "mobilenet": 1, "unet": 2}
    assert not {"MUL", "RELU", "RSQRT"} & {*counts["resnet"], *counts["unet"]}
    assert len(counts["resnet"]) <= 15


def test_channels_last_is_the_callers_choice():
    model = converted("unet", layout="nhwc")
    assert "TRANSPOSE" not in names(model)
    assert_answers(
        model, [x.transpose(0, 2, 3, 1) for x in numbered("unet", "in")], [y.transpose(0, 2, 3, 1) for y in numbered("unet", "out")]
    )


def test_a_recurrent_layer_is_one_operator():
    assert names(converted("lstm")) == ["UNIDIRECTIONAL_SEQUENCE_LSTM"]
    assert names(converted("lstm_of_any_batch")).count("WHILE") == 1
    assert names(converted("gru")).count("WHILE") == 4  # two layers in two directions
    assert "UNIDIRECTIONAL_SEQUENCE_LSTM" not in names(converted("states"))  # it gives the cells' last states


def test_unknown_sizes_become_a_signature_and_are_the_callers():
    assert converted("resnet").graph.inputs[0].shape_signature == (-1, 3, 32, 32)
    model = converted("resnet", input_shapes=(5, 3, 32, 32))
    assert model.graph.outputs[0].shape == (5, 5)
    assert model.graph.outputs[0].shape_signature is None


def test_names_lead_back_to_the_source():
    model = converted("vision_transformer")
    assert any(o.source.startswith("block/attention/") for o in model.graph.operators)
    assert "head/linear" in [o.outputs[0].name for o in model.graph.operators]
    assert "patches/conv2d/weight" in [t.name for t in model.graph.tensors]


X, Y, Z = (Value(name, (2,), "float32") for name in "xyz")


def program(*nodes):
    return Program(Body([X], nodes, [Ref("z")]), ["x"], ["z"])


def test_everything_unsupported_is_listed_at_once():
    nodes = Node("aten.fft", [Ref("x")], [Y], source="net.py:3", name="a/fft"), Node("aten.lgamma", [Ref("x")], [Z], name="b/lgamma")
    with pytest.raises(
        UnsupportedError, match=r"(?s)2 of the program's operations.*'a/fft' \(aten.fft, net.py:3\).*'b/lgamma' \(aten.lgamma\)"
    ):
        convert_program(program(*nodes), op, Options(), "PyTorch")


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        (Node("aten.dropout", [Ref("x"), 0.5, True], [Z], name="n"), r"call \.eval\(\) before exporting"),
        (Node("aten.round", [Ref("x")], [Z], {"decimals": 2}, name="n"), "it rounds to 2 decimals"),
        (Node("aten.where", [Ref("x")], [Z], name="n"), "only the run tells"),
        (Node("aten.topk", [Ref("x"), 2], [Y, Z, X], name="n"), "output number 2 has no counterpart"),
    ],
)
def test_what_cannot_be_converted_is_told(node, reason):
    with pytest.raises(UnsupportedError, match=reason):
        convert_program(program(node), op, Options(), "PyTorch")


def test_a_pickled_model_is_told(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "model.pt", "w") as archive:
        archive.writestr("model/data.pkl", b"")
    with pytest.raises(FileError, match=r"pickled model or a TorchScript.*torch\.export\.save"):
        tachylite.convert(tmp_path / "model.pt")


# Where torch is.


def test_a_live_program_and_its_file(tmp_path):
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU()).eval()
    x = torch.randn(4, 3)
    program = torch.export.export(module, (x,), dynamic_shapes=({0: torch.export.Dim("b")},))
    torch.export.save(program, tmp_path / "net.pt2")
    live, file = tachylite.convert(program), tachylite.convert(tmp_path / "net.pt2")
    assert live == file
    assert_answers(live, [x.numpy()], [module(x).detach().numpy()])
    data = (tmp_path / "net.pt2").read_bytes()
    with pytest.raises(TachyliteError):
        tachylite.convert(data[:-200])


def test_a_live_module():
    torch = pytest.importorskip("torch")
    module = torch.nn.Conv2d(3, 4, 3, padding="same")
    with pytest.raises(TachyliteError, match=r"call \.eval\(\)"):
        tachylite.convert(module, input_shapes=(None, 3, 8, 8))
    with pytest.raises(TachyliteError, match=r"does not tell the shapes of its inputs \['input'\]"):
        tachylite.convert(module.eval())
    model = tachylite.convert(module, input_shapes=(None, 3, 8, 8))
    x = torch.randn(2, 3, 8, 8)
    assert_answers(model, [x.numpy()], [module(x).detach().numpy()])


def test_a_program_that_changes_its_buffers_is_refused():
    torch = pytest.importorskip("torch")
    module = torch.nn.BatchNorm1d(3)  # in training
    with pytest.raises(UnsupportedError, match=r"the program changes \['num_batches_tracked', 'running_mean', 'running_var'\]"):
        tachylite.convert(torch.export.export(module, (torch.randn(4, 3),)))
