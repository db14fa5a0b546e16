"""What a module says of an attribute that it does not have: what to write for those of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

_CALL = "It is called: model(x)."
_DTYPE = "Layers are made in a type, as in nn.Linear(3, 2, dtype=np.float32)."
_ADVICE = {
    "apply": "Give each layer its init=, as in nn.Linear(3, 2, init=nn.init.normal).",
    "compile": "Loss and optimiser are arguments of tg.optim.fit(loss, model, data, optimizer).",
    "cuda": "It runs on the CPU, as NumPy does.",
    "double": _DTYPE,
    "fit": "Write tg.optim.fit(loss, model, data, optimizer), whose .params is the trained model.",
    "float": _DTYPE,
    "forward": _CALL,
    "load_weights": "Write tg.io.load(path, like=model).",
    "predict": _CALL,
    "requires_grad_": "Write nn.freeze(model), or nn.unfreeze(model).",
    "save": "Write tg.io.save(path, model).",
    "save_weights": "Write tg.io.save(path, model).",
    "to": "It runs on the CPU, as NumPy does. " + _DTYPE,
    "weights": "They are parameters(), or named_parameters().",
    "zero_grad": "It is of the optimiser: optim.SGD(model.parameters(), lr=0.1).zero_grad().",
}
"""Methods of PyTorch's and Keras' models."""


class Advising:
    """Its missing attributes say what to write."""

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            hint = f". {_ADVICE[name]}" if name in _ADVICE else ""
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}{hint}",
                name=name,
                obj=self,
            )
