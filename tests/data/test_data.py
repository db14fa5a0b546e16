"""The shipped data sets, the generators, and splitting, standardising and batching."""

import hashlib
from importlib import resources

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import data, nn, optim

SHIPPED = {
    "digits": ((1797, 64), 10, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]),
    "iris": ((150, 4), 3, [50, 50, 50]),
    "wine": ((178, 13), 3, [59, 71, 48]),
    "breast_cancer": ((569, 30), 2, [212, 357]),
}


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_data_have_their_shapes_and_classes(name):
    shape, classes, counts = SHIPPED[name]
    d = getattr(data, name)()
    assert d.x.shape == shape
    assert d.x.dtype == np.float64
    assert d.y.dtype == np.int64
    assert np.bincount(d.y).tolist() == counts
    assert len(d.target_names) == classes
    assert len(d.feature_names) == shape[1]
    assert "UCI" in d.source
    assert "CC BY 4.0" in d.licence
    assert d.x.flags.c_contiguous
    assert len(d) == shape[0]
    assert getattr(data, name)(dtype=np.float32).x.dtype == np.float32
    with pytest.raises(ValueError, match="floating-point"):
        getattr(data, name)(dtype=int)


def test_shipped_values_are_the_published_ones():
    # first rows and sums as printed in the sources of the UCI repository
    assert data.iris().x[0].tolist() == [5.1, 3.5, 1.4, 0.2]
    assert data.iris().x[34].tolist() == [4.9, 3.1, 1.5, 0.2]  # corrected to Fisher's paper
    assert data.wine().x[0, :5].tolist() == [14.23, 1.71, 2.43, 15.6, 127.0]
    assert data.breast_cancer().x[0, :3].tolist() == [17.99, 10.38, 122.8]
    assert data.breast_cancer().x[0, 9] == 0.07871
    assert data.digits().x[0, :8].tolist() == [0, 0, 5, 13, 9, 1, 0, 0]
    assert data.digits().x.max() == 16


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_values_are_exactly_those_of_scikit_learn(name):
    datasets = pytest.importorskip("sklearn.datasets")
    theirs, ours = getattr(datasets, f"load_{name}")(), getattr(data, name)()
    np.testing.assert_array_equal(ours.x, theirs.data)
    np.testing.assert_array_equal(ours.y, theirs.target)
    assert list(ours.feature_names) == list(theirs.feature_names)
    assert list(ours.target_names) == [str(t) for t in theirs.target_names]


def test_digits_as_images():
    flat, images = data.digits(), data.digits(images=True)
    assert images.x.shape == (1797, 1, 8, 8)
    np.testing.assert_array_equal(images.x.reshape(1797, 64), flat.x)
    assert images.licence == flat.licence


def test_calls_give_arrays_of_their_own():
    first = data.iris()
    first.x[:] = 0
    assert data.iris().x.any()


def test_the_notice_names_every_file_and_its_creators():
    folder = resources.files("tinygrad_hess.data")
    notice = folder.joinpath("NOTICE").read_text(encoding="utf-8")
    shipped = {f.name for f in folder.iterdir() if f.name.endswith(".npz")}
    assert shipped == {f"{name}.npz" for name in SHIPPED}
    for name in shipped:
        assert name in notice
    creators = ["Alpaydin", "Kaynak", "Fisher", "Aeberhard", "Forina", "Wolberg", "Mangasarian"]
    for word in (*creators, "Street", "CC BY 4.0", "BSD 3-Clause", "scikit-learn"):
        assert word in notice
    assert sum(len(folder.joinpath(name).read_bytes()) for name in shipped) < 120_000


# ---- splitting ----------------------------------------------------------------------------------


def rows(d):
    return {hashlib.sha256(r.tobytes()).hexdigest() for r in np.column_stack([d.x, d.y])}


@pytest.mark.parametrize("stratify", [True, False])
@pytest.mark.parametrize("test", [0.2, 0.37, 7, 200])
def test_a_split_is_a_partition(test, stratify):
    d = data.blobs(251, classes=3)
    train, held = data.split(d, test=test, seed=1, stratify=stratify)
    assert len(held) == (test if isinstance(test, int) else round(251 * test))
    assert len(train) + len(held) == 251
    assert not rows(train) & rows(held)
    assert rows(train) | rows(held) == rows(d)


@pytest.mark.parametrize("test", [0.1, 0.25, 13, 100])
def test_stratified_splits_share_each_class(test):
    d = data.wine()
    _, held = data.split(d, test=test, seed=3)
    ideal = np.bincount(d.y) * len(held) / len(d)
    assert (np.abs(np.bincount(held.y, minlength=3) - ideal) < 1).all()


def test_splits_are_seeded_and_shuffled():
    d = data.iris()
    a, b = data.split(d, seed=5), data.split(d, seed=5)
    np.testing.assert_array_equal(a[0].x, b[0].x)
    np.testing.assert_array_equal(a[1].y, b[1].y)
    assert (data.split(d, seed=6)[1].x != a[1].x).any()
    assert (np.diff(a[0].y) < 0).any()
    assert (np.diff(a[1].y) < 0).any()
    assert a[0].target_names == d.target_names


def test_regression_targets_are_split_without_strata():
    d = data.teacher_student(40)
    train, test = data.split(d, test=10)
    assert (len(train), len(test)) == (30, 10)


@pytest.mark.parametrize("test", [0, 0.0, 150, 1.0, -0.1, 0.001])
def test_empty_parts_are_refused(test):
    with pytest.raises(ValueError, match="both must have some"):
        data.split(data.iris(), test=test)


def test_arrays_are_split_as_a_dataset_of_them_is():
    d = data.wine()
    for how in ({}, {"test": 13}, {"seed": 4}, {"stratify": False}):
        ours, want = data.split(d.x, d.y, **how), data.split(data.Dataset(d.x, d.y), **how)
        for a, b in zip(ours, want, strict=True):
            np.testing.assert_array_equal(a.x, b.x)
            np.testing.assert_array_equal(a.y, b.y)
    assert len(data.split(d, 0.5)[1]) == len(data.split(d, test=0.5)[1]) == 89


def test_strata_can_be_given():
    x, y = np.arange(40.0)[:, None], np.linspace(0, 1, 40)
    for strata in (np.arange(40) % 4 == 0, ["a", "b", "b", "b"] * 10, np.arange(40) % 4 > 0):
        _, test = data.split(x, y, test=8, stratify=strata)
        assert (test.x % 4 == 0).sum() == 2
    for wrong in (["a"], np.zeros((40, 2)), "a"):
        with pytest.raises(ValueError, match="stratify must be True, False or an array"):
            data.split(x, y, stratify=wrong)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((np.ones((4, 2)),), "data must be a Dataset"),
        ((np.ones((4, 2)), np.ones(3)), "differ in length"),
        ((data.iris(), np.ones(150)), "test must be a number"),
        ((np.ones((0, 2)), np.ones(0)), "leaves 0 for testing"),
        ((np.ones((1, 2)), np.ones(1)), "leaves 0 for testing"),
    ],
)
def test_what_cannot_be_split(args, said):
    with pytest.raises((TypeError, ValueError), match=said):
        data.split(*args)


# ---- standardising ------------------------------------------------------------------------------


def test_standardize_uses_the_training_set_alone():
    train, test = data.split(data.wine())
    a, b = data.standardize(train, test)
    np.testing.assert_allclose(a.x.mean(0), 0, atol=1e-13)
    np.testing.assert_allclose(a.x.std(0), 1, rtol=1e-13)
    np.testing.assert_allclose(b.x, (test.x - train.x.mean(0)) / train.x.std(0), rtol=1e-12)
    np.testing.assert_array_equal(a.y, train.y)
    centred = data.standardize(train, scale=False)
    np.testing.assert_allclose(centred.x, train.x - train.x.mean(0), rtol=1e-13)


def test_constant_features_become_zero_and_types_stay():
    d = data.digits(dtype=np.float32, images=True)
    out = data.standardize(d)
    assert out.x.dtype == np.float32
    assert (out.x[:, 0, 0, 0] == 0).all()
    x = np.full((7, 2), 0.1)
    x[:, 1] = np.arange(7)
    np.testing.assert_array_equal(data.standardize(data.Dataset(x, np.zeros(7))).x[:, 0], 0)
    with pytest.raises(ValueError, match="floating point"):
        data.standardize(data.Dataset(np.arange(3)[:, None], np.zeros(3)))
    with pytest.raises(ValueError, match=r"shape \(4,\) and \(13,\)"):
        data.standardize(data.wine(), data.iris())


# ---- batches ------------------------------------------------------------------------------------


def test_an_epoch_holds_every_example_once():
    x = np.arange(23.0)[:, None]
    found = list(data.batches(x, np.arange(23), size=5, seed=0, epochs=3))
    assert [len(b) for b, _ in found] == [5, 5, 5, 5, 3] * 3
    for b, labels in found:
        np.testing.assert_array_equal(b[:, 0], labels)
    epochs = np.concatenate([labels for _, labels in found]).reshape(3, 23)
    np.testing.assert_array_equal(np.sort(epochs, axis=1), np.tile(np.arange(23), (3, 1)))
    assert (epochs[0] != epochs[1]).any()


def test_batches_repeat_for_a_seed_and_go_on_for_a_generator():
    x = np.arange(10.0)
    fixed = data.batches(x, x, 4, seed=1)
    assert len(fixed) == 3
    first, second = (np.concatenate([b for b, _ in fixed]) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    moving = data.batches(x, x, 4, seed=np.random.default_rng(1))
    first, second = (np.concatenate([b for b, _ in moving]) for _ in range(2))
    assert (first != second).any()
    assert len(list(data.batches(tg.tensor(x), x, 100))) == 1


def test_batches_and_unnamed_data_say_what_they_are():
    x, y = np.zeros((23, 2)), np.zeros(23, int)
    assert repr(data.batches(x, y, 5)) == "Batches(5 of 5 examples, the last of 3)"
    assert repr(data.batches(x[:20], y[:20], 5, epochs=3)) == "Batches(4 of 5 examples, 3 epochs)"
    assert repr(data.batches(x, y, 50)) == "Batches(1 of 23 examples)"
    assert repr(data.split(x, y, test=3)[1]) == "Dataset(x float64(3,2), y int64(3,))"


def test_batches_check_their_arguments():
    with pytest.raises(ValueError, match="differ in length"):
        data.batches(np.ones(3), np.ones(4), 2)
    with pytest.raises(ValueError, match="size must be an integer of at least 1, got 0"):
        data.batches(np.ones(3), np.ones(3), 0)
    with pytest.raises(ValueError, match="epochs"):
        data.batches(np.ones(3), np.ones(3), 1, epochs=-1)
    with pytest.raises(TypeError, match=r"there are no targets; write batches\(x, y, size\)"):
        data.batches(np.ones(3))
    with pytest.raises(TypeError, match="a Dataset has its targets already"):
        data.batches(data.iris(), np.ones(150), 10)
    with pytest.raises(ValueError, match="there are no arrays in"):
        data.batches({}, 10)


def test_batches_of_a_data_set_and_of_arrays_by_name():
    whole = data.iris()
    want = list(data.batches(whole.x, whole.y, 40, seed=3))
    for got in (data.batches(whole, 40, seed=3), data.batches(whole, size=40, seed=3)):
        for (x, y), (wanted_x, wanted_y) in zip(got, want, strict=True):
            np.testing.assert_array_equal(x, wanted_x)
            np.testing.assert_array_equal(y, wanted_y)
    named = {"inputs": (whole.x, list(range(150))), "label": whole.y}
    for batch, (x, y) in zip(data.batches(named, 40, seed=3), want, strict=True):
        np.testing.assert_array_equal(batch["label"], y)
        np.testing.assert_array_equal(batch["inputs"][0], x)
        np.testing.assert_array_equal(whole.y[batch["inputs"][1]], y)


# ---- generators ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        data.moons,
        data.spirals,
        lambda n, **k: data.spirals(n, classes=3, **k),
        data.blobs,
        lambda n, **k: data.blobs(n, classes=4, features=5, **k),
        data.teacher_student,
    ],
)
def test_generators_are_seeded(make):
    a, b, other = make(50, seed=1), make(50, seed=1), make(50, seed=2)
    np.testing.assert_array_equal(a.x, b.x)
    np.testing.assert_array_equal(a.y, b.y)
    assert (a.x != other.x).any()
    assert len(a) == 50
    assert a.x.dtype == np.float64
    if a.target_names:
        counts = np.bincount(a.y)
        assert len(counts) == len(a.target_names)
        assert counts.max() - counts.min() <= 1
    with pytest.raises(ValueError, match="n must be an integer"):
        make(0)


def test_noiseless_moons_lie_on_half_circles():
    d = data.moons(100, noise=0.0)
    centre = np.array([[0.0, 0.0], [1.0, 0.5]])[d.y]
    np.testing.assert_allclose(np.linalg.norm(d.x - centre, axis=1), 1, rtol=1e-12)
    above = d.x[:, 1] - centre[:, 1]
    assert (above[d.y == 0] >= 0).all()
    assert (above[d.y == 1] <= 0).all()


def test_noiseless_spirals_wind_around_the_origin():
    d = data.spirals(300, classes=3, noise=0.0, turns=2.0)
    r = np.linalg.norm(d.x, axis=1)
    assert r.max() <= 1
    angle = 2 * np.pi * (2.0 * r + d.y / 3)
    np.testing.assert_allclose(
        d.x, r[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1), atol=1e-12
    )


def test_blobs_have_their_spread():
    d = data.blobs(6000, classes=2, features=3, spread=0.5)
    for c in range(2):
        np.testing.assert_allclose(d.x[d.y == c].std(0), 0.5, rtol=0.1)


def test_a_teacher_explains_its_data():
    clean = data.teacher_student(200, sizes=(5, 7, 2), noise=0.0, seed=4)
    assert nn.mse(clean.teacher(clean.x), clean.y) == 0.0
    assert clean.y.shape == (200, 2)
    noisy = data.teacher_student(5000, sizes=(5, 7, 2), noise=0.3, seed=4)
    np.testing.assert_allclose((noisy.y - noisy.teacher(noisy.x)).std(), 0.3, rtol=0.05)


@pytest.mark.parametrize("degree", range(7))
def test_chebyshev_is_the_cosine_of_multiples(degree):
    d = data.chebyshev(21, degree)
    assert d.x.shape == d.y.shape == (21, 1)
    np.testing.assert_allclose(np.diff(d.x[:, 0]), 0.1, rtol=1e-12)
    np.testing.assert_allclose(d.y, np.cos(degree * np.arccos(d.x)), atol=1e-12)


def test_a_small_net_learns_the_digits():
    train, test = data.standardize(*data.split(data.digits(), seed=0))
    model = nn.MLP([64, 32, 10], seed=0)
    opt = optim.Adam(model, lr=5e-3)
    for x, y in data.batches(train.x, train.y, size=64, seed=0, epochs=8):
        nn.cross_entropy(model(x), y).backward()
        opt.step()
        opt.zero_grad()
    assert nn.accuracy(model(test.x), test.y) >= 0.95


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"no archive"])
def test_a_damaged_installation_is_named(content, tmp_path, monkeypatch):
    (tmp_path / "iris.npz").write_bytes(content)
    monkeypatch.setattr("importlib.resources.files", lambda package: tmp_path)
    with pytest.raises(RuntimeError, match=r"iris: the file .*iris\.npz.*cannot be read.*Install"):
        data.iris()
