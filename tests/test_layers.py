"""The faster layers compute what torch's own do, and stand aside where more than the numbers is wanted."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

import clipnb
from clipnb.models import layers
from clipnb.models.layers import InPlaceQuickGelu, OneDnnAttention, OneDnnLinear, quicken

needs_onednn = pytest.mark.skipif(
    not (torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")),
    reason="torch without oneDNN",
)


@pytest.fixture
def gains(monkeypatch):
    """Any processor counts as one that gains, so that the swap is tested everywhere."""
    monkeypatch.setattr(layers, "gains", lambda: True)


@pytest.fixture
def calls(monkeypatch):
    """What went through oneDNN, by the shapes of the inputs; the operation itself computes."""
    found, operation = [], torch.ops.mkldnn._linear_pointwise

    def counted(x, *others):
        found.append(tuple(x.shape))
        return operation(x, *others)

    monkeypatch.setattr(torch.ops.mkldnn, "_linear_pointwise", counted, raising=False)
    return found


def linear(width=256, out=512, bias=True):
    torch.manual_seed(0)
    plain = torch.nn.Linear(width, out, bias=bias).eval()
    quick = copy.deepcopy(plain)
    quicken(quick)
    return plain, quick


@needs_onednn
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(16, 256), (4096, 256), (3, 50, 256), (2, 3, 40, 256)])
def test_the_same_as_a_plain_layer(gains, calls, bias, shape):
    plain, quick = linear(bias=bias)
    x = torch.randn(shape)
    with torch.inference_mode():
        found = quick(x)
        torch.testing.assert_close(found, plain(x), atol=1e-5, rtol=0)
        strided = torch.randn(*shape[:-1], 512)[..., ::2]
        torch.testing.assert_close(quick(strided), plain(strided), atol=1e-5, rtol=0)
    assert calls == [shape, shape]
    assert found.shape == (*shape[:-1], 512)


@needs_onednn
@pytest.mark.parametrize("shape", [(256,), (0, 256), (1, 256), (3, 256), (15, 256), (5, 0, 256)])
def test_few_rows_or_none_are_left_to_torch(gains, calls, shape):
    plain, quick = linear()
    x = torch.randn(shape)
    with torch.inference_mode():
        torch.testing.assert_close(quick(x), plain(x), atol=0, rtol=0)
    assert not calls


@needs_onednn
def test_derivatives_go_the_plain_way(gains, calls):
    plain, quick = linear()
    x = torch.randn(64, 256)
    for layer in (plain, quick):
        layer.zero_grad()
        rows = x.clone().requires_grad_()
        layer(rows).square().sum().backward()
        layer.found = rows.grad
    torch.testing.assert_close(quick.found, plain.found, atol=0, rtol=0)
    torch.testing.assert_close(quick.weight.grad, plain.weight.grad, atol=0, rtol=0)
    _, forward = torch.func.jvp(quick, (x,), (torch.ones_like(x),))
    torch.testing.assert_close(forward, torch.func.jvp(plain, (x,), (torch.ones_like(x),))[1], atol=0, rtol=0)
    with torch.no_grad(), torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x, torch.ones_like(x))
        assert torch.autograd.forward_ad.unpack_dual(quick(dual)).tangent is not None
    assert not calls


@needs_onednn
def test_other_types_and_autocast_go_the_plain_way(gains, calls):
    plain, quick = linear()
    x = torch.randn(64, 256)
    with torch.inference_mode():
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert quick(x).dtype == torch.bfloat16
        torch.testing.assert_close(quick.double()(x.double()), plain.double()(x.double()), atol=0, rtol=0)
        assert quick.to(torch.bfloat16)(x.to(torch.bfloat16)).dtype == torch.bfloat16
        assert quick.to("meta")(x.to("meta")).shape == (64, 512)
    assert not calls


@needs_onednn
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_exporters_see_a_plain_layer(gains, calls):
    _, quick = linear()
    x = torch.randn(64, 256)
    with torch.inference_mode():
        traced = torch.jit.trace(quick, x, check_trace=False)
        exported = torch.export.export(quick, (x,))
    assert "mkldnn" not in str(traced.inlined_graph)
    assert "mkldnn" not in str(exported.graph)
    assert "linear" in str(exported.graph)
    assert not calls


@needs_onednn
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("mask", [None, "float", "bool"])
@pytest.mark.parametrize("bias", [True, False])
def test_attention(gains, calls, batch_first, mask, bias):
    torch.manual_seed(0)
    plain = torch.nn.MultiheadAttention(128, 4, batch_first=batch_first, bias=bias).eval()
    if bias:
        torch.nn.init.normal_(plain.in_proj_bias)
        torch.nn.init.normal_(plain.out_proj.bias)
    quick = copy.deepcopy(plain)
    quicken(quick)
    assert type(quick) is OneDnnAttention
    assert type(quick.out_proj) is type(plain.out_proj)
    x = torch.randn(20, 20, 128)
    causal = torch.ones(20, 20, dtype=torch.bool).triu(1)
    masks = {None: None, "bool": causal, "float": torch.zeros(20, 20).masked_fill(causal, float("-inf"))}
    with torch.inference_mode():
        found, weights = quick(x, x, x, need_weights=False, attn_mask=masks[mask])
        assert weights is None
        expected = plain(x, x, x, need_weights=False, attn_mask=masks[mask])[0]
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
        other = torch.randn_like(x)
        crossed, weights = quick(x, other, other, attn_mask=masks[mask])
        torch.testing.assert_close(crossed, plain(x, other, other, attn_mask=masks[mask])[0], atol=1e-5, rtol=0)
        assert weights.shape == (20, 20, 20)
    assert len(calls) == 4


def test_quick_gelu_is_equal_bit_for_bit_and_leaves_its_input():
    from transformers.activations import QuickGELUActivation

    quick = QuickGELUActivation()
    quicken(quick)
    assert type(quick) is InPlaceQuickGelu
    for kind in (torch.float32, torch.bfloat16, torch.float16):
        x = torch.randn(50, 333, generator=torch.Generator().manual_seed(0)).to(kind)
        before = x.clone()
        with torch.inference_mode():
            torch.testing.assert_close(quick(x), before * torch.sigmoid(1.702 * before), atol=0, rtol=0)
        assert torch.equal(x, before)
    rows = torch.randn(5, requires_grad=True)
    quick(rows).sum().backward()
    sigmoid = torch.sigmoid(1.702 * rows)
    torch.testing.assert_close(rows.grad, sigmoid + 1.702 * rows * sigmoid * (1 - sigmoid))


@needs_onednn
def test_a_model_with_all_of_it(gains, calls, tiny, tiny_folder, pictures, monkeypatch):
    """The same rows as with plain layers; copies, pickles and state dicts as ever."""
    monkeypatch.setattr(layers, "PRODUCTS", 1)
    quick = clipnb.load(tiny_folder, device="cpu")
    texts, paths = ["a cat", "", "ein Hündchen auf der Wiese"], list(pictures.values())
    texts_by, images_by = quick.encode_text(texts), quick.encode_image(paths)
    assert calls
    monkeypatch.setattr(layers, "_quick", lambda *_: False)
    np.testing.assert_allclose(texts_by, quick.encode_text(texts), atol=1e-5)
    np.testing.assert_allclose(images_by, quick.encode_image(paths), atol=1e-5)
    monkeypatch.undo()
    module = quick.text_tower.module
    kinds = {type(part) for part in module.modules()}
    assert OneDnnLinear in kinds
    assert torch.nn.Linear not in kinds
    for again in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert [name for name, _ in again.named_modules()] == [name for name, _ in module.named_modules()]
        assert list(again.state_dict()) == list(module.state_dict())
        assert all(torch.equal(a, b) for a, b in zip(again.parameters(), module.parameters(), strict=True))


@needs_onednn
def test_a_row_does_not_depend_on_the_batch_around_it(gains, calls, monkeypatch):
    """The embedded model: its layers are large enough for oneDNN in a batch, and too small for one short text."""
    model = clipnb.load(device="cpu")
    texts = [f"{word} {number}" for word in ("cat", "ein Haus am See", "猫") for number in range(100)]
    together = model.encode_text(texts)
    assert calls
    calls.clear()
    np.testing.assert_allclose(model.encode_text(texts[:1]), together[:1], atol=1e-5)
    assert not calls
    np.testing.assert_allclose(model.encode_text(texts[100:123]), together[100:123], atol=1e-5)


@pytest.mark.parametrize(
    ("capability", "vendor", "expected"),
    [
        ("AVX512", "AuthenticAMD", True),
        ("AVX512", "GenuineIntel", False),
        ("AVX512", "", False),
        ("AVX2", "AuthenticAMD", False),
        ("DEFAULT", "", False),
    ],
)
@needs_onednn
def test_which_processors_gain(monkeypatch, capability, vendor, expected):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(layers, "vendor", lambda: vendor)
    assert layers.gains.__wrapped__() is expected
    monkeypatch.setattr(layers, "gains", layers.gains.__wrapped__)
    plain = torch.nn.Linear(2, 2)
    quicken(plain)
    assert type(plain) is (OneDnnLinear if expected else torch.nn.Linear)


def test_the_vendor(monkeypatch):
    monkeypatch.setattr(Path, "exists", lambda self: False)
    monkeypatch.setenv("PROCESSOR_IDENTIFIER", "AMD64 Family 25 Model 33 Stepping 0, AuthenticAMD")
    assert layers.vendor() == "AuthenticAMD"
    monkeypatch.setenv("PROCESSOR_IDENTIFIER", "i386")
    assert layers.vendor() == ""


def test_a_class_of_somebody_elses_stays(gains):
    class Adapted(torch.nn.Linear):
        pass

    module = torch.nn.Sequential(Adapted(2, 2), torch.nn.Linear(2, 2))
    quicken(module)
    assert [type(part) for part in module] == [Adapted, OneDnnLinear]
