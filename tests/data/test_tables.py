"""Messy tables as training and test sets; pandas' own statistics are the oracle."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_hess import data, nn, optim

pd = pytest.importorskip("pandas")


def messy(n: int = 80, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 80, n).astype(float),
            "city": rng.choice(["Bern", "Rome", "Oslo"], n),
            "owns": rng.random(n) < 0.5,
            "score": rng.normal(size=n),
        }
    )
    frame["buys"] = np.where(frame["score"] + (frame["city"] == "Rome") > 0.3, "yes", "no")
    frame.loc[rng.choice(n, 9, replace=False), "age"] = np.nan
    frame.loc[rng.choice(n, 7, replace=False), "city"] = None
    return frame


def without_gaps(n: int = 80) -> Any:
    return messy(n).dropna()


def test_numbers_are_standardised_by_the_training_rows_alone() -> None:
    frame = without_gaps().drop(columns=["city", "owns"])
    table = data.from_frame(frame, "buys", test=15, seed=3)
    train, test = table
    assert (len(train), len(test)) == (len(frame) - 15, 15)
    back = np.concatenate([train.x, test.x])
    # the scores tell rows apart: find each row again, and standardise by pandas
    score = frame["score"].to_numpy()
    scaled = {round(float(s), 9): i for i, s in enumerate(score)}
    column = next(c for c in table.columns if c.name == "score")
    rows = [scaled[round(float(v * column.scale + column.centre), 9)] for v in back[:, 1]]
    assert sorted(rows) == list(range(len(frame)))
    learned = frame.iloc[rows[: len(train)]]
    for j, name in enumerate(("age", "score")):
        mean, deviation = learned[name].mean(), learned[name].std(ddof=0)
        np.testing.assert_allclose(back[:, j], (frame[name].iloc[rows] - mean) / deviation, 1e-9)
    assert [train.target_names[c] for c in train.y] == list(learned["buys"])
    plain = data.from_frame(frame, "buys", standardize=False, test=15, seed=3)
    np.testing.assert_allclose(plain.train.x, learned[["age", "score"]].to_numpy())


def test_text_becomes_one_feature_for_each_value() -> None:
    frame = without_gaps()
    table = data.from_frame(frame, "buys", test=0)
    assert table.train.feature_names == (
        "age",
        "city=Bern",
        "city=Oslo",
        "city=Rome",
        "owns",
        "score",
    )
    want = pd.get_dummies(frame["city"]).to_numpy(float)
    np.testing.assert_array_equal(table.train.x[:, 1:4], want)
    np.testing.assert_array_equal(table.train.x[:, 4], frame["owns"].to_numpy(float))
    assert len(table.test) == 0
    fewer = data.from_frame(frame, "buys", categories="drop", test=0)
    assert fewer.train.feature_names == ("age", "owns", "score")


@pytest.mark.parametrize("missing", ["mean", "median"])
def test_gaps_are_filled_from_the_training_rows(missing: str) -> None:
    frame = messy()
    table = data.from_frame(frame, "buys", missing=missing, standardize=False, test=0)
    age = frame["age"]
    filled = age.fillna(getattr(age, missing)()).to_numpy()
    np.testing.assert_allclose(table.train.x[:, 0], filled)
    frequent = frame["city"].mode()[0]
    want = pd.get_dummies(frame["city"].fillna(frequent)).to_numpy(float)
    np.testing.assert_array_equal(table.train.x[:, 1:4], want)


def test_what_fills_gaps_is_not_learned_from_the_test_rows() -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0, None, 1000.0], "y": [0.1, 0.2, 0.3, 0.4, 0.5]})
    fills = set()
    for seed in range(20):
        table = data.from_frame(frame, "y", missing="mean", standardize=False, test=1, seed=seed)
        seen = {round(v, 9) for v in frame["x"].dropna()} - set(table.test.x.ravel())
        assert table.columns[0].fill == pytest.approx(np.mean(sorted(seen)))
        fills.add(table.columns[0].fill)
    assert len(fills) > 1


def test_rows_with_gaps_are_dropped_where_asked() -> None:
    frame = messy()
    table = data.from_frame(frame, "buys", missing="drop", test=10)
    assert len(table.train) + 10 == len(frame.dropna())
    frame.loc[0, "buys"] = None
    filled = data.from_frame(frame, "buys", missing="median", test=0)
    assert len(filled.train) == len(frame) - 1


def test_gaps_are_an_error_by_default_and_are_counted() -> None:
    with pytest.raises(ValueError, match=r"missing values in 'age' \(9\), 'city' \(7\) of 80 rows"):
        data.from_frame(messy(), "buys")


def test_other_rows_are_transformed_as_the_training_rows_were() -> None:
    frame = messy()
    table = data.from_frame(frame, "buys", missing="median", test=0)
    np.testing.assert_allclose(table.transform(frame), table.train.x)
    shuffled = frame[["city", "score", "owns", "age"]]
    np.testing.assert_allclose(table.transform(shuffled), table.train.x)
    one = {"age": [40], "city": ["Atlantis"], "owns": [True], "score": [0.0]}
    x = table.transform(one)
    assert x.shape == (1, 6)
    np.testing.assert_array_equal(x[0, 1:4], 0)  # a category that was never seen
    again = pickle.loads(pickle.dumps(table))
    np.testing.assert_array_equal(again.transform(one), x)
    with pytest.raises(ValueError, match="transform: there is no column 'owns'"):
        table.transform(frame.drop(columns="owns"))
    with pytest.raises(ValueError, match="'age' holds text, where numbers are expected"):
        table.transform(frame.assign(age="old"))
    strict = data.from_frame(without_gaps(), "buys", test=0)
    with pytest.raises(ValueError, match=r"missing values in 'age' \(9\), 'city' \(7\); the table"):
        strict.transform(frame)


@pytest.mark.parametrize(
    ("target", "names"),
    [
        (["no", "yes", "no", "no"], ("no", "yes")),
        ([True, False, True, False], ("False", "True")),
        ([3, 1, 1, 3], ("1", "3")),
        ([1.5, 2.0, 3.0, 4.0], ()),
        ([1.0, 2.0, 3.0, 4.0], ()),
    ],
)
def test_what_a_target_is_taken_for(target: Any, names: tuple[str, ...]) -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "y": target})
    table = data.from_frame(frame, "y", test=0)
    assert table.train.target_names == names
    if names:
        assert [names[c] for c in table.train.y] == [
            f"{t:g}" if type(t) is int else str(t) for t in target
        ]
        assert table.train.y.dtype == np.int64
    else:
        np.testing.assert_array_equal(table.train.y, target)
    assert f"target 'y': {f'{len(names)} classes' if names else 'numbers'}" in repr(table)


def test_whole_numbers_with_gaps_are_whole_numbers() -> None:
    frame = pd.DataFrame({"x": np.arange(4.0), "y": [1000000, 0, None, 0]})
    table = data.from_frame(frame, "y", missing="drop", test=0)
    assert table.train.target_names == ("0", "1000000")
    assert data.from_frame(frame.dropna(), "y", test=0).train.target_names == ()


def test_tasks_can_be_told() -> None:
    frame = pd.DataFrame({"x": np.arange(6.0), "y": [0, 1, 2, 0, 1, 2]})
    assert data.from_frame(frame, "y", task="regression").train.y.dtype == np.float64
    floats = frame.assign(y=frame["y"].astype(float))
    assert data.from_frame(floats, "y", task="classification").train.target_names == ("0", "1", "2")
    with pytest.raises(ValueError, match="the target, 'y', is text"):
        data.from_frame(frame.assign(y=list("abcabc")), "y", task="regression")


def test_classes_and_other_columns_are_strata() -> None:
    frame = pd.DataFrame({"x": np.arange(40.0), "g": ["a"] * 30 + ["b"] * 10, "y": [0, 1] * 20})
    test = data.from_frame(frame, "y", test=8, standardize=False).test
    assert np.bincount(test.y).tolist() == [4, 4]
    for strata in ("g", frame["g"], list(frame["g"])):
        test = data.from_frame(frame, "y", test=8, standardize=False, stratify=strata).test
        assert test.x[:, 1].sum() == 6
    with pytest.raises(ValueError, match="stratify must be True, False or an array of one stratum"):
        data.from_frame(frame, "y", stratify=["a"])


def test_files_are_read_by_their_endings(tmp_path: Path) -> None:
    frame = without_gaps().reset_index(drop=True)
    want = data.from_frame(frame, "buys", test=10)
    frame.to_csv(tmp_path / "people.csv", index=False)
    frame.to_csv(tmp_path / "people.csv.gz", index=False)
    frame.to_csv(tmp_path / "people.tsv", index=False, sep="\t")
    frame.to_json(tmp_path / "people.json")
    for name in ("people.csv", "people.csv.gz", "people.tsv", "people.json"):
        table = data.from_frame(tmp_path / name, "buys", test=10)
        np.testing.assert_allclose(table.train.x, want.train.x, rtol=1e-6, atol=1e-9)
        np.testing.assert_array_equal(table.test.y, want.test.y)
    assert repr(table).startswith("Table('people': ")
    assert len(repr(table).splitlines()) == 1
    np.testing.assert_allclose(
        table.transform(tmp_path / "people.csv"), table.transform(frame), rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize(
    ("name", "content", "error", "said"),
    [
        ("none.csv", None, FileNotFoundError, "there is no file"),
        ("empty.csv", b"", ValueError, "cannot be read"),
        ("bad.csv", b"a,b\n1,2,3\n4,5,6,7\n", ValueError, "cannot be read|no column"),
        ("twice.csv", b"a,a,y\n1,2,3\n4,5,6\n", ValueError, "several columns are called 'a'"),
        ("letters.csv", b"a,y\n\xff\xfe,1\n", ValueError, "cannot be read"),
        ("bad.json", b"{", ValueError, "cannot be read"),
        ("evil.pkl", b"cos\nsystem\n", ValueError, "of no kind that is read here"),
        ("header.csv", b"a,y\n", ValueError, "the table has no rows"),
    ],
)
def test_files_that_are_no_tables(
    name: str, content: Any, error: type[Exception], said: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=said):
        data.from_frame(tmp_path / name, "y")


def table_of(**columns: Any) -> Any:
    return pd.DataFrame({"y": [0.1, 0.2, 0.3], **columns})


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (pd.DataFrame({"x": [], "y": []}), "the table has no rows"),
        (table_of(), "there is no column to learn from"),
        (pd.DataFrame([[1, 2, 3]], columns=["a", "a", "y"]), "several columns are called 'a'"),
        (pd.DataFrame([[1, 2, 3.0]], columns=[1, "1", "y"]), "several columns are called '1'"),
        (table_of(a=[1, 2, 3], **{"c=u": [1, 2, 3]}, c=["u", "v", "u"]), "several features.*'c=u'"),
        (table_of(d=pd.date_range("2020", periods=3)), r"'d' \(dates\).*drop=\['d'\]"),
        (table_of(d=[None] * 3), r"'d' \(no values at all\)"),
        (table_of(d=[[1], {}, ()]), r"'d' \(objects\)"),
        (table_of(d=[1.0, np.inf, 2.0]), "column 'd' has 1 infinite values"),
        (table_of(d=[1e308, -1e308, 1e308]), "too large to standardise"),
        (pd.DataFrame({"x": [1.0], "y": [2.0]}), "leaves 0 for testing"),
        (pd.DataFrame({"x": [1.0, None], "y": [None, 2.0]}), "missing values in 'x'.*'y'"),
    ],
)
def test_tables_that_teach_nothing_are_refused(frame: Any, said: str) -> None:
    with pytest.raises(ValueError, match=f"^from_frame: .*{said}"):
        data.from_frame(frame, "y")


def test_no_row_may_be_left() -> None:
    frame = pd.DataFrame({"x": [1.0, None], "y": [None, 2.0]})
    with pytest.raises(ValueError, match="every row has a missing value"):
        data.from_frame(frame, "y", missing="drop")
    gone = pd.DataFrame({"x": [None, None, 3.0], "y": [1.0, 2.0, 3.0]})
    with pytest.raises(ValueError, match="no value in the training rows to take the mean of"):
        for seed in range(20):
            data.from_frame(gone, "y", missing="mean", test=1, seed=seed)


def test_one_row_and_constant_columns_become_zeros() -> None:
    one = data.from_frame(pd.DataFrame({"x": [5.0], "c": ["u"], "y": [2.0]}), "y", test=0)
    np.testing.assert_array_equal(one.train.x, [[0.0, 1.0]])
    same = data.from_frame(pd.DataFrame({"x": [0.1] * 7, "y": np.arange(7.0)}), "y", test=0)
    np.testing.assert_array_equal(same.train.x, np.zeros((7, 1)))


def test_columns_that_tell_rows_apart_are_refused_or_left_out() -> None:
    frame = pd.DataFrame(
        {"id": [f"p{i}" for i in range(200)], "x": np.arange(200.0), "y": [0, 1] * 100}
    )
    with pytest.raises(ValueError, match=r"'id' has 160 different values.*drop=\['id'\]"):
        data.from_frame(frame, "y")
    assert data.from_frame(frame, "y", drop=["id"]).train.feature_names == ("x",)
    assert data.from_frame(frame, "y", drop="id").train.feature_names == ("x",)
    assert data.from_frame(frame, "y", max_categories=200).train.x.shape[1] == 161


def test_arguments_are_checked() -> None:
    frame = without_gaps()
    for wrong, said in (
        ({"target": "price"}, "no column 'price'; the columns are 'age', 'city'"),
        ({"target": "buys", "missing": "zero"}, "missing='zero' is not 'error', 'mean'"),
        ({"target": "buys", "categories": "hash"}, "categories='hash' is not"),
        ({"target": "buys", "drop": ["price"]}, "no column 'price'"),
        ({"target": "buys", "drop": ["buys"]}, "drop names the target"),
        ({"target": "buys", "stratify": "price"}, "no column 'price'"),
        ({"target": "buys", "test": 1.0}, "both must have some"),
    ):
        with pytest.raises(ValueError, match=said):
            data.from_frame(frame, **wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="frame must be a data frame, a dict of columns or a path"):
        data.from_frame(3, "y")
    with pytest.raises(ValueError, match="the columns make no table"):
        data.from_frame({"x": [1.0, 2.0], "y": [1.0]}, "y")


@pytest.mark.parametrize(
    "name", ["", " ", "a\nb", "'; DROP TABLE", "{}", "x" * 1000, "__class__", "%s"]
)
def test_names_are_names_whatever_they_are(name: str) -> None:
    frame = pd.DataFrame({name: ["u", "v", "u", "v"], "y": [0.1, 0.2, 0.3, 0.4]})
    table = data.from_frame(frame, "y", test=1)
    assert table.train.feature_names == (f"{name}=u", f"{name}=v")
    assert table.transform(frame).shape == (4, 2)
    assert len(repr(table).splitlines()) == 1


def test_frames_of_other_libraries() -> None:
    frame = messy()
    want = data.from_frame(frame, "buys", missing="median", test=10)
    assert repr(data.from_frame(dict(frame), "buys", missing="median", test=10)) == repr(want)
    pl = pytest.importorskip("polars")
    theirs = pl.DataFrame(
        {c: frame[c].astype(object).where(frame[c].notna(), None).tolist() for c in frame}
    )
    table = data.from_frame(theirs, "buys", missing="median", test=10)
    np.testing.assert_allclose(table.train.x, want.train.x)
    with pytest.raises(TypeError, match=r"frame\.collect\(\)"):
        data.from_frame(theirs.lazy(), "buys")
    xr = pytest.importorskip("xarray")
    several = xr.Dataset({c: ("row", frame[c].to_numpy()) for c in ("score", "owns", "buys")})
    assert data.from_frame(several, "buys", drop=["row"]).train.feature_names == ("score", "owns")


def test_nullable_and_categorical_types() -> None:
    frame = pd.DataFrame(
        {
            "n": pd.array([1, 2, None, 4], dtype="Int64"),
            "b": pd.array([True, None, True, False], dtype="boolean"),
            "c": pd.Categorical(["u", "v", None, "v"], categories=["v", "u", "never"]),
            "s": pd.array(["p", "q", "p", None], dtype="string"),
            "y": [0.1, 0.2, 0.3, 0.4],
        }
    )
    table = data.from_frame(frame, "y", missing="median", standardize=False, test=0)
    assert table.train.feature_names == ("n", "b", "c=u", "c=v", "s=p", "s=q")
    want = [[1, 1, 1, 0, 1, 0], [2, 1, 0, 1, 0, 1], [2, 1, 0, 1, 1, 0], [4, 0, 0, 1, 1, 0]]
    np.testing.assert_array_equal(table.train.x, want)


def test_without_pandas_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(
        ImportError, match=r'from_frame needs pandas: pip install "tinygrad-hess\[pandas\]"'
    ):
        data.from_frame({"x": [1.0], "y": [2.0]}, "y")


def test_a_net_learns_a_messy_table() -> None:
    table = data.from_frame(messy(400), "buys", missing="median", seed=1)
    model = nn.MLP([table.train.x.shape[1], 8, 2], seed=0)
    loss = lambda model, batch: nn.cross_entropy(model(batch[0]), batch[1])
    pair = (table.train.x, table.train.y)
    trained = optim.fit(loss, model, pair, optim.Adam(lr=0.05), epochs=120).params
    assert nn.accuracy(trained(table.test.x), table.test.y) > 0.85
