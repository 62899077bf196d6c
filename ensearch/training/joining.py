"""Networks whose batch norms are joined with their ReLU, and with a sum before or behind the norm.

The forward pass is traced by torch.fx, and written again with `norms.JoinedNorm`. A network traced
in training has no branches that depend on its numbers; one that does cannot be traced, which is an
error like others of a strategy.
"""

import operator
from collections import Counter

import torch
import torch.nn.functional as F
from torch import fx, nn

from ensearch.training.fused import NotFusible
from ensearch.training.norms import JoinedNorm, can_join

_RELU = (F.relu, F.relu_, torch.relu, torch.relu_)
_SUM = (operator.add, torch.add)


class _Tracer(fx.Tracer):
    """What has no layers in it is a layer, whoever wrote it: `SideBySide` and `Packed` too."""

    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        return super().is_leaf_module(module, name) or not list(module.children())


def join(model: nn.Module) -> fx.GraphModule:
    """The model's forward pass in training by the same layers, norms joined where they can be.

    These layers of `model` change their class; names, weights and buffers are shared. Raises
    NotFusible where no norm is followed by a ReLU, and what torch.fx raises where it cannot trace.
    """
    graph = _Tracer().trace(model)
    layers = dict(model.named_modules())
    _skip_identities(graph, layers)
    uses = Counter(node.target for node in graph.nodes if node.op == "call_module")
    joined = 0
    for node in list(graph.nodes):
        if node.op != "call_module" or uses[node.target] > 1 or not can_join(layers[node.target]):
            continue
        behind = _only_user(node)
        added = _added(behind, node)
        relu = behind if added is None or behind is None else _only_user(behind)
        if relu is None or not _is_relu(relu, layers):
            continue
        layers[node.target].__class__ = JoinedNorm
        if added is None:
            _replace(graph, node, relu)
        else:
            _replace_with_sum_behind(graph, node, relu, added)
        joined += 1
    if not joined:
        raise NotFusible("no batch norm of it is followed by a ReLU")
    graph.lint()
    made = fx.GraphModule(model, graph)
    # A circle would keep the memory of a dropped group; the module has its code by now.
    graph.owning_module = None
    return made


def _skip_identities(graph: fx.Graph, layers: dict[str, nn.Module]) -> None:
    """Take layers that do nothing out of the graph; they may stand between a norm and its ReLU."""
    for node in list(graph.nodes):
        if node.op == "call_module" and type(layers[str(node.target)]) is nn.Identity:
            (source,) = node.args
            assert isinstance(source, fx.Node)
            node.replace_all_uses_with(source)
            graph.erase_node(node)


def _replace(graph: fx.Graph, norm: fx.Node, relu: fx.Node) -> None:
    """Put one call in the place of a norm, its ReLU and, if it reads one, a sum."""
    (source,) = norm.args
    assert isinstance(source, fx.Node)
    adds = _is_sum(source)
    if not adds:
        with graph.inserting_before(norm):
            active = graph.call_module(str(norm.target), (source,))
    else:
        with graph.inserting_before(source):
            both = graph.call_module(str(norm.target), source.args)
            total = graph.call_function(operator.getitem, (both, 0))
            active = graph.call_function(operator.getitem, (both, 1))
        source.replace_all_uses_with(total)
    relu.replace_all_uses_with(active)
    for gone in (relu, norm, source) if adds else (relu, norm):
        graph.erase_node(gone)


def _replace_with_sum_behind(graph: fx.Graph, norm: fx.Node, relu: fx.Node, added: fx.Node) -> None:
    """Put one call in the place of a norm, the sum of it and what is added, and their ReLU."""
    (total,) = norm.users
    with graph.inserting_before(total):
        active = graph.call_module(str(norm.target), norm.args, {"behind": added})
    relu.replace_all_uses_with(active)
    for gone in (relu, total, norm):
        graph.erase_node(gone)


def _added(total: fx.Node | None, norm: fx.Node) -> fx.Node | None:
    """What is added to the norm, if `total` is such a sum."""
    if total is None:
        return None
    in_place = total.target in (operator.iadd, "add_") and total.args[0] is norm
    if not _is_sum(total) and not (in_place and _adds_two(total)):
        return None
    one, other = total.args
    added = other if one is norm else one
    return added if isinstance(added, fx.Node) and added is not norm else None


def _only_user(node: fx.Node) -> fx.Node | None:
    users = list(node.users)
    return users[0] if len(users) == 1 else None


def _is_relu(node: fx.Node, layers: dict[str, nn.Module]) -> bool:
    if node.op == "call_module":
        return type(layers[str(node.target)]) is nn.ReLU
    return (node.op == "call_function" and node.target in _RELU) or (
        node.op == "call_method" and node.target in ("relu", "relu_")
    )


def _is_sum(node: fx.Node) -> bool:
    """Whether the node adds two tensors, and no multiple of one."""
    adds = (node.op == "call_function" and node.target in _SUM) or (
        node.op == "call_method" and node.target == "add"
    )
    return adds and _adds_two(node)


def _adds_two(node: fx.Node) -> bool:
    """Whether a sum has two tensors and nothing else."""
    both = len(node.args) == 2 and all(isinstance(arg, fx.Node) for arg in node.args)
    return both and not node.kwargs
