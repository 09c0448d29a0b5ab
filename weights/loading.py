"""Puts pretrained weights into a network that is to be fine-tuned, and says what it did.

source = resolve("r3d50_KM_200ep")
description, notes = plan_network(source, labels)
network = description.build()
report = load_pretrained(network, description, source)
"""

from dataclasses import dataclass, replace

import models
from weights.description import NetworkDescription
from weights.errors import WeightsError
from weights.files import count_parameters, fill
from weights.inflation import head_of_2d, inflate
from weights.safe_reading import read_pdparams

# Options that no tensor depends on: other values than the weights' are possible, if unusual.
FREE_OPTIONS = ("conv1_t_stride", "max_pool", "bn_epsilon")


def plan_network(source, labels, options=None, input_contract=None):
    """Decide which network to build for pretrained weights and a data set.

    Args:
        source: A ``Source`` of ``sources.resolve``.
        labels: Class names of the data set to fine-tune on.
        options: Options of ``models.build`` that the user insists on, by name, without
            ``n_classes``.
        input_contract: Fields of ``InputContract`` that the user insists on, by name.

    Returns:
        The ``NetworkDescription`` to build, and a list of notes: one line for each wish that is
        followed although the weights were trained otherwise.

    Raises:
        WeightsError: A wish contradicts the weights' tensors.
    """
    theirs = source.description
    their_options = {**models.family(theirs.architecture).options, **theirs.options}
    wishes = dict(options or {})
    architecture = wishes.pop("architecture", theirs.architecture)
    contract_wishes = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in (input_contract or {}).items()
    }
    notes = []
    for name in wishes:
        if name not in their_options:
            raise WeightsError(
                source.name, f"is a {theirs.architecture}, which has no option {name}"
            )
    for name, value, trained in (
        ("architecture", architecture, theirs.architecture),
        *((name, value, their_options[name]) for name, value in wishes.items()),
        *((name, value, getattr(theirs.input, name)) for name, value in contract_wishes.items()),
    ):
        if value == trained:
            continue
        free = FREE_OPTIONS + (("conv1_t_size",) if source.inflate else ())
        if name not in contract_wishes and name not in free:
            raise WeightsError(
                source.name,
                f"has {name} {trained}, which {name} {value} contradicts; leave that option out "
                "or choose other weights",
            )
        notes.append(f"{name} {_text(value)}, but the weights were trained with {_text(trained)}")
    description = NetworkDescription(
        architecture=theirs.architecture,
        options={**their_options, **wishes, "n_classes": len(labels)},
        labels=tuple(labels),
        input=replace(theirs.input, **contract_wishes),
        source={**(theirs.source or {}), "pretrained": source.name},
    )
    return description, notes


def _text(value):
    return list(value) if isinstance(value, tuple) else value


@dataclass(frozen=True)
class Part:
    """Some tensors of a network.

    Args:
        names: Their names.
        parameters: Number of trained values in them.
    """

    names: tuple[str, ...]
    parameters: int

    def __str__(self):
        return f"{len(self.names)} tensors, {self.parameters:,} parameters"


@dataclass(frozen=True)
class LoadReport:
    """What ``load_pretrained`` did.

    Args:
        source: The ``Source``.
        loaded: The tensors that were taken over.
        left_out: The tensors of the source that were not.
        new: The tensors of the network that keep their fresh values.
        head: What became of the head, and why, in words.
    """

    source: object
    loaded: Part
    left_out: Part
    new: Part
    head: str

    def lines(self):
        """The report as text, one line each."""
        inflated = " inflated from 2D" if self.source.inflate else ""
        lines = [f"loaded from {self.source.name}{inflated}: {self.loaded}"]
        if self.left_out.names:
            lines.append(f"left out: {', '.join(self.left_out.names)} ({self.left_out})")
        if self.new.names:
            lines.append(f"new: {', '.join(self.new.names)} ({self.new})")
        return [*lines, self.head]


def load_pretrained(network, description, source):
    """Take over pretrained weights; the head only if it is for the same classes.

    Args:
        network: A bare network, as ``description.build()`` makes it.
        description: Its ``NetworkDescription``, with the labels it is to be trained on.
        source: A ``Source`` of ``sources.resolve``.

    Returns:
        A ``LoadReport``.

    Raises:
        WeightsError: A tensor is missing, unknown or of another shape; the network is unchanged
            then.
    """
    state = read_pdparams(source.path)
    head = tuple(f"{network.head_name}.{part}" for part in ("weight", "bias"))
    if source.inflate:
        head_in_file = head_of_2d(state)
        state = inflate(state, source.path, description.options["conv1_t_size"])
    else:
        head_in_file = {name: state[name] for name in head if name in state}
    keep_head, reason = _judge_head(source, description, len(head_in_file) == len(head))
    if not keep_head:
        state = {name: array for name, array in state.items() if name not in head}

    new = {
        name: tensor
        for name, tensor in network.state_dict().items()
        if not keep_head and name in head
    }
    fill(network, state, source.path, fresh=new)
    return LoadReport(
        source=source,
        loaded=_part(state),
        left_out=_part({} if keep_head else head_in_file),
        new=_part(new),
        head=reason,
    )


def _judge_head(source, description, has_head):
    ours, theirs = description.labels, source.description.labels
    if not has_head:
        return False, "head: new, the weights have none"
    if source.inflate:
        return False, "head: new, ImageNet's is not for videos"
    n_ours, n_theirs = (
        {**models.family(network.architecture).options, **network.options}["n_classes"]
        for network in (description, source.description)
    )
    if ours is not None and theirs is not None:
        if ours == theirs:
            return True, f"head: kept, the {n_ours} classes are the same"
        if sorted(ours) == sorted(theirs):
            return False, "head: new, the classes are the same but in another order"
        return False, f"head: new, {n_ours} classes instead of {n_theirs} others"
    if n_ours == n_theirs:
        return True, f"head: kept, {n_ours} classes as well; their names are not known to be equal"
    return False, f"head: new, {n_ours} classes instead of {n_theirs}"


def _part(state):
    return Part(tuple(state), count_parameters(state))
