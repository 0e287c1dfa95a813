"""The two readers of pickles that are ours, against pickles and archives made by hand."""

import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from archives import Model, Payload, repack, save_script

from clipnb.errors import ModelFolderError, UnsafeCheckpoint
from clipnb.models.weights import read_head, read_tensors
from clipnb.models.weights.restricted_pickle import Call, Refused, loads


def text(value: str) -> bytes:
    """The instruction that puts a text on the stack."""
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def call(module: str, name: str, arguments: bytes) -> bytes:
    """The instructions that call a function with one tuple."""
    return f"c{module}\n{name}\n".encode() + arguments + b"R"


@pytest.fixture
def trace(tmp_path):
    path = tmp_path / "trace"
    yield path
    assert not path.exists()


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "x.pt"
    save_script(Model(), path)
    return path


def known(module: str, name: str) -> object:
    if (module, name) == ("collections", "OrderedDict"):
        return Call(OrderedDict)
    raise Refused(f"it names {module}.{name}")


def test_plain_data_comes_out():
    data = {"a": [1, -2.5, None, True, "ä" * 300], (1, 2): {"d": 2**70}}
    for protocol in (2, 3, 4, 5):
        assert loads(pickle.dumps(data, protocol), known) == data
    assert loads(pickle.dumps([b"x" * 300, bytearray(b"y")], 5), known) == [b"x" * 300, b"y"]
    assert loads(pickle.dumps(OrderedDict(a=1), 2), known) == OrderedDict(a=1)


def gadgets(trace: Path) -> dict[str, bytes]:
    argument = text(str(trace)) + b"\x85"
    begin = b"\x80\x02"
    made = call("collections", "OrderedDict", b")")
    return {
        "a call": begin + call("os", "mkdir", argument) + b".",
        "an evaluation": begin
        + call("builtins", "eval", text(f"__import__('os').mkdir({str(trace)!r})") + b"\x85")
        + b".",
        "Python 2's name": begin + call("__builtin__", "apply", b")") + b".",
        "an attribute": begin + call("builtins", "getattr", b")") + b".",
        "a dotted name": b"\x80\x04" + text("collections") + text("OrderedDict.fromkeys") + b"\x93" + b")R.",
        "a name on the stack": b"\x80\x04" + text("os") + text("mkdir") + b"\x93" + argument + b"R.",
        "an instance": b"(" + text(str(trace)) + b"ios\nmkdir\n.",
        "an object": b"(cos\nmkdir\n" + text(str(trace)) + b"o.",
        "a new object": begin + b"cos\nmkdir\n" + argument + b"\x81.",
        "with keywords": b"\x80\x04cos\nmkdir\n" + argument + b"}\x92.",
        "a registered code": begin + b"\x82\x01.",
        "inside of data": begin + b"}" + text("a") + call("os", "mkdir", argument) + b"s.",
        "after the end": begin + b"N." + begin + call("os", "mkdir", argument) + b".",
        "dropped": begin + call("os", "mkdir", argument) + b"0N.",
        "from elsewhere": begin + text("x") + b"Q.",
        "a buffer outside": b"\x80\x05\x97.",
        "an attribute set": begin + b"ccollections\nOrderedDict\n}" + text("_call") + b"NsN\x86b" + b".",
        "a slot set": begin + b"ccollections\nOrderedDict\nN}" + text("_call") + text("x") + b"s\x86b.",
        "the state of a dictionary": begin + made + b"N}" + text("__class__") + b"Ns\x86b.",
        "too large a memo": begin + b"Nr\xff\xff\xff\xff.",
        "a long text": begin + b"X\xff\xff\xff\x7fabc.",
        "a long array": b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b"abc.",
        "nothing": b"",
        "no end": begin + b"N",
        "an empty stack": begin + b".",
    }


@pytest.mark.parametrize("kind", gadgets(Path("x")))
def test_pickles_made_by_hand(kind, tmp_path, trace, archive):
    data = gadgets(trace)[kind]
    with pytest.raises((Refused, ValueError)):
        loads(data, known)
    (tmp_path / "head.pkl").write_bytes(data)
    with pytest.raises((UnsafeCheckpoint, ModelFolderError)):
        read_head(tmp_path / "head.pkl", "x")
    path = repack(archive, tmp_path / "x.pt", lambda name, old: data if name == "data.pkl" else old)
    with pytest.raises((UnsafeCheckpoint, ModelFolderError)):
        read_tensors(path, "x")
    # Whatever a pickle has tried, the next one is read as ever.
    assert loads(pickle.dumps(OrderedDict(a=1), 2), known) == OrderedDict(a=1)
    assert read_tensors(archive, "x")["input_resolution"] == 224


@pytest.mark.parametrize("kind", ["an instance", "an object", "with keywords", "a registered code", "a buffer outside"])
def test_instructions_that_no_data_needs(kind, trace):
    with pytest.raises(Refused, match="it uses the instruction"):
        loads(gadgets(trace)[kind], known)


@pytest.mark.parametrize(
    "array",
    [
        lambda trace: np.array([[Payload(trace)]], dtype=object),
        lambda trace: np.array([(1.0, 2)], dtype=[("a", "f4"), ("b", "i4")]),
        lambda trace: np.array(["a"]),
        lambda trace: np.array([b"a"], dtype="V1"),
        lambda trace: np.array(["2020-01-01"], dtype="M8[D]"),
        lambda trace: np.ones((2, 2), dtype=np.int64),
        lambda trace: np.float32(1.0),
        lambda trace: np.ma.masked_array(np.ones(2, "f4")),
    ],
)
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_arrays_of_other_kinds_in_a_head(tmp_path, trace, array, protocol):
    (tmp_path / "head.pkl").write_bytes(pickle.dumps([array(trace), np.ones(2, "f4")], protocol))
    with pytest.raises(UnsafeCheckpoint, match="x: head="):
        read_head(tmp_path / "head.pkl", "x")


STATE = b"(K\x03" + text("<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t"


def head(shape: bytes, data: bytes, code: bytes = text("f4"), state: bytes = STATE) -> bytes:
    """A pickle of a weight of one number, and of a bias as numpy writes it with its parts as they are given."""

    def array(shape: bytes, data: bytes, code: bytes, state: bytes) -> bytes:
        dtype = call("numpy", "dtype", code + b"\x89\x88\x87") + state + b"b"
        empty = call("numpy.core.multiarray", "_reconstruct", b"cnumpy\nndarray\nK\x00\x85C\x01b\x87")
        return empty + b"(K\x01" + shape + dtype + b"\x89C" + bytes([len(data)]) + data + b"tb"

    weight = array(b"K\x01K\x01\x86", bytes(4), text("f4"), STATE)
    return b"\x80\x03](" + weight + array(shape, data, code, state) + b"e."


def test_a_head_made_by_hand(tmp_path):
    (tmp_path / "head.pkl").write_bytes(head(b"K\x01\x85", struct.pack("<f", 2.5)))
    weight, bias = read_head(tmp_path / "head.pkl", "x")
    assert (weight.tolist(), bias.tolist()) == ([[0.0]], [2.5])


@pytest.mark.parametrize(
    "data",
    [
        head(b"K\x02\x85", bytes(4)),  # more numbers than bytes
        head(b"K\x01\x85", bytes(8)),
        head(b"\x8a\x06\xff\xff\xff\xff\xff\x7f\x85", bytes(4)),  # 2 to the power of 47
        head(b"J\xff\xff\xff\xff\x85", bytes(4)),  # -1
        head(b"K\x00\x85", b""),
        head(b"\x88\x85", bytes(4)),  # True
        head(b"N", bytes(4)),
        head(text("ab"), bytes(4)),
        head(b"K\x01\x85", bytes(4), code=text("O8")),
        head(b"K\x01\x85", bytes(4), code=b"]"),
        head(b"K\x01\x85", bytes(4), state=b"N"),
        head(b"K\x01\x85", bytes(4), state=b")"),
        head(b"K\x01\x85", bytes(4), state=b"(K\x03" + text("<") + b"]NNt"),
    ],
)
def test_heads_made_by_hand(tmp_path, data):
    (tmp_path / "head.pkl").write_bytes(data)
    with pytest.raises((UnsafeCheckpoint, ModelFolderError), match="x: head="):
        read_head(tmp_path / "head.pkl", "x")


def tensor(record: str, count: int, offset: int, size: tuple, stride: tuple, dtype: str = "FloatStorage") -> bytes:
    """The instructions that make a tensor, as an archive has them."""

    def number(value: int) -> bytes:
        return b"\x8a\x08" + struct.pack("<q", value)

    def numbers(values: tuple) -> bytes:
        return b"(" + b"".join(map(number, values)) + b"t"

    storage = (
        b"(" + text("storage") + f"ctorch\n{dtype}\n".encode() + text(record) + text("cpu") + number(count) + b"tQ"
    )
    hooks = call("collections", "OrderedDict", b")")
    arguments = b"(" + storage + number(offset) + numbers(size) + numbers(stride) + b"\x89" + hooks + b"t"
    return call("torch._utils", "_rebuild_tensor_v2", arguments)


def module(weight: bytes) -> bytes:
    """A pickle of a module with one attribute; the class has a parameter and buffers of the names of Model."""
    return b"\x80\x02c__torch__.archives\nModel\n)\x81}" + text("weight") + weight + b"sb."


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (tensor("9", 4, 0, (4,), (1,)), "is damaged"),  # no such record
        (tensor("../constants.pkl", 1, 0, (1,), (1,)), "is damaged"),
        (tensor("0", 13, 0, (13,), (1,)), "48 bytes, and the model wants 13"),
        (tensor("0", 12, 0, (12,), (1,), "DoubleStorage"), "48 bytes, and the model wants 12"),
        (tensor("0", -1, 0, (1,), (1,)), "is damaged"),
        (tensor("0", 12, 1, (12,), (1,)), "leaves its 12 numbers"),
        (tensor("0", 12, 0, (2, 2), (1, 11)), "leaves its 12 numbers"),
        (tensor("0", 12, 13, (0,), (1,)), "leaves its 12 numbers"),
        (tensor("0", 12, -1, (1,), (1,)), "is damaged"),
        (tensor("0", 12, 0, (-1,), (1,)), "is damaged"),
        (tensor("0", 12, 11, (2,), (-1,)), "is damaged"),
        (tensor("0", 12, 0, (2, 2), (1,)), "is damaged"),
        (tensor("0", 12, 0, (1 << 40,), (0,)), "repeats its 12 numbers"),
        (tensor("0", 12, 0, (1 << 62, 4), (0, 1)), "is damaged"),
        (tensor("0", 12, 0, (12,), (1,), "QInt8Storage"), "it names torch.QInt8Storage"),
        (call("torch", "load", text("x") + b"\x85"), "it names torch.load"),
        (call("torch.jit._pickle", "__builtins__", b")"), "it names torch.jit._pickle.__builtins__"),
        (call("torch._utils", "_rebuild_tensor_v2", b"(NK\x00))t"), "a tensor of an unknown kind"),
        (text("x") + b"Q", "is damaged"),
    ],
)
def test_tensors_made_by_hand(tmp_path, archive, weight, message):
    data = module(weight)
    path = repack(archive, tmp_path / "x.pt", lambda name, old: data if name == "data.pkl" else old)
    with pytest.raises((UnsafeCheckpoint, ModelFolderError), match=message):
        read_tensors(path, "x")


def test_a_tensor_made_by_hand(tmp_path, archive):
    data = module(tensor("0", 12, 1, (2, 3), (1, 4)))
    path = repack(archive, tmp_path / "x.pt", lambda name, old: data if name == "data.pkl" else old)
    found = read_tensors(path, "x")
    expected = read_tensors(archive, "x")["weight"].t().flatten()[1:]
    assert torch.equal(found["weight"], torch.as_strided(expected.clone(), (2, 3), (1, 4)))


def test_a_storage_of_two_types(tmp_path, archive):
    second = text("view") + tensor("0", 12, 0, (3,), (1,), "IntStorage") + b"sb."
    data = module(tensor("0", 12, 0, (3,), (1,)))[: -len(b"b.")] + second
    path = repack(archive, tmp_path / "x.pt", lambda name, old: data if name == "data.pkl" else old)
    with pytest.raises(ModelFolderError, match="named with two sizes"):
        read_tensors(path, "x")


def test_compressed_numbers(tmp_path, archive):
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(tmp_path / "x.pt", "w") as new:
        for name in old.namelist():
            kind = zipfile.ZIP_DEFLATED if name == "x/data/0" else zipfile.ZIP_STORED
            new.writestr(name, old.read(name), compress_type=kind)
    with pytest.raises(ModelFolderError, match="is compressed"):
        read_tensors(tmp_path / "x.pt", "x")


def test_modules_that_hold_each_other(tmp_path, archive):
    # Each level holds the one below it twice: thirty of them are a thousand million.
    classes = "class Model(Module):\n  __parameters__ = []\n  __buffers__ = []\n  a : Model\n"
    begin = b"c__torch__.archives\nModel\n)\x81}"
    data = begin + b"b"
    for level in range(30):
        put, get = b"q" + bytes([level]), b"h" + bytes([level])
        data = data + put + b"0" + begin + text("a") + get + b"s" + text("b") + get + b"sb"
    own = begin.replace(b"}", b"q\x00}") + text("a") + b"h\x00sb"
    for pickled in (data, own):
        path = repack(
            archive,
            tmp_path / "x.pt",
            lambda name, old, new=b"\x80\x02" + pickled + b".": (
                new if name == "data.pkl" else classes.encode() if name.endswith(".py") else old
            ),
        )
        with pytest.raises(ModelFolderError, match=r"x: x\.pt .*hold each other"):
            read_tensors(path, "x")
        path.unlink()


@pytest.mark.parametrize("member", ["data.pkl", "data/0", "code/__torch__/archives.py"])
def test_members_that_grow(tmp_path, archive, member):
    """Small in the zip, and a thousand times that when it is unpacked."""
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(tmp_path / "x.pt", "w") as new:
        assert f"x/{member}" in old.namelist()
        for name in old.namelist():
            if name.partition("/")[2] == member:
                new.writestr(name, bytes(1 << 25), compress_type=zipfile.ZIP_DEFLATED)
            else:
                new.writestr(name, old.read(name))
    assert (tmp_path / "x.pt").stat().st_size < 1 << 20
    with pytest.raises(ModelFolderError, match=r"x: x\.pt is damaged"):
        read_tensors(tmp_path / "x.pt", "x")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_archive_with_two_pickles(tmp_path, archive, trace):
    path = repack(archive, tmp_path / "x.pt", lambda name, old: old)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("x/data.pkl", pickle.dumps(Payload(trace), 2))
    with pytest.raises(ModelFolderError):
        read_tensors(path, "x")


def test_a_changed_byte_is_noticed(tmp_path, archive):
    data = bytearray(archive.read_bytes())
    with zipfile.ZipFile(archive) as file:
        at = data.index(file.read("x/data/0"))
    data[at + 5] ^= 1
    (tmp_path / "x.pt").write_bytes(data)
    with pytest.raises(ModelFolderError, match="checksum"):
        read_tensors(tmp_path / "x.pt", "x")
