"""Every network family against the original's outputs."""

import re

import numpy as np
import paddle
import pytest

import models
from tests import golden

LOGITS = np.load(golden.DATA / "family_logits.npz")
SLOW = {
    *("wideresnet-50-kinetics", "master-wideresnet-50", "resnext-101-kinetics"),
    *("resnet-50-kinetics", "r2p1d50_K_200ep", "r2plus1d_34_clip32_ig65m_from_scratch"),
}
VARIANTS = [
    pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name
    for name in golden.variants()
]
# What each family takes beside depth, n_classes and in_channels.
SMALL = {
    "r3d": {"depth": 10, "widen_factor": 0.25},
    "r2p1d": {"depth": 10, "widen_factor": 0.25},
    "preresnet": {"depth": 10, "widen_factor": 0.25},
    "wideresnet": {"widen_factor": 0.25},
    "resnext": {"cardinality": 8},
    "densenet": {},
    "torchvision_r3d": {},
    "torchvision_mc3": {},
    "torchvision_r2plus1d": {},
}
HARA = ["conv1", "bn1", "layer1", "layer2", "layer3", "layer4", "fc"]
TORCHVISION = ["stem", "layer1", "layer2", "layer3", "layer4", "fc"]
STAGES = {
    "r3d": HARA,
    "r2p1d": ["conv1_s", "bn1_s", "conv1_t", "bn1_t", *HARA[2:]],
    "preresnet": HARA,
    "wideresnet": HARA,
    "resnext": HARA,
    "densenet": [
        *("conv0", "norm0", "denseblock1", "transition1", "denseblock2", "transition2"),
        *("denseblock3", "transition3", "denseblock4", "norm5", "classifier"),
    ],
    "torchvision_r3d": TORCHVISION,
    "torchvision_mc3": TORCHVISION,
    "torchvision_r2plus1d": TORCHVISION,
}


def build_variant(name, **changes):
    """The network of a golden variant, from its options as the golden values state them."""
    variant = golden.variants()[name]
    options = {"depth": variant["depth"], "n_classes": variant["n_classes"]}
    for ours, theirs in (
        *(("shortcut", "shortcut"), ("widen_factor", "k"), ("stem_channels", "stem")),
        *(("cardinality", "cardinality"), ("bn_epsilon", "bn_epsilon")),
    ):
        if theirs in variant:
            options[ours] = variant[theirs]
    if name.startswith("r2plus1d_34"):
        options["middle_channels"] = "convolution"
    return models.build(variant["family"], **{**options, **changes})


def names_of_2020(name):
    """The original's names of today for a DenseNet."""
    name = re.sub(r"features\.(conv|norm)0", r"features.\g<1>1", name)
    return re.sub(r"(norm|conv)\.(\d)\.", r"\1\2.", name)


def golden_error(network, name):
    """Relative error of a variant's logits; of the first clip, the second shows nothing else."""
    golden.fill(network, names_of_2020 if name == "master-densenet-121" else lambda name: name)
    network.eval()
    with paddle.no_grad():
        logits = network(paddle.to_tensor(golden.waves(7, 2, 3, 16, 112)[:1])).numpy()
    expected = LOGITS[name][:1]
    return np.linalg.norm(logits - expected) / np.linalg.norm(expected)


@pytest.mark.parametrize("name", VARIANTS)
def test_logits_equal_the_original_networks(name):
    network = build_variant(name)
    assert network.features_size == golden.variants()[name]["features"]
    assert golden_error(network, name) < 1e-5


@pytest.mark.parametrize("architecture", models.FAMILIES)
def test_every_family_has_its_stages_a_head_and_features(architecture):
    network = models.build(architecture, n_classes=3, **SMALL[architecture])
    network.eval()
    assert list(network.stages()) == STAGES[architecture]
    assert network.head is network.stages()[network.head_name]
    clips = paddle.randn([2, 3, 16, 32, 32])
    with paddle.no_grad():
        features = network.embed(clips)
        assert features.shape == [2, network.features_size]
        np.testing.assert_array_equal(network(clips).numpy(), network.head(features).numpy())
    # Every parameter belongs to a stage.
    assert sum(len(stage.parameters()) for stage in network.stages().values()) == len(
        network.parameters()
    )


def test_a_backbone_ends_in_its_features():
    network = models.build("preresnet", depth=10, widen_factor=0.25, n_classes=0)
    assert network.head is None and list(network.stages()) == HARA[:-1]
    assert network(paddle.randn([2, 3, 8, 32, 32])).shape == [2, 128]


def test_a_recogniser_embeds_raw_clips():
    network = models.build("r3d", depth=10, widen_factor=0.25, n_classes=3)
    recogniser = models.Recogniser(network, models.Normalisation())
    recogniser.eval()
    clips = paddle.randint(0, 256, [2, 3, 8, 32, 32]).astype("uint8")
    np.testing.assert_array_equal(
        network.head(recogniser.embed(clips)).numpy(), recogniser(clips).numpy()
    )


@pytest.mark.parametrize(
    ("architecture", "options", "message"),
    [
        ("densenet", {"shortcut": "A"}, "densenet has no option shortcut; there are: depth, n_cl"),
        ("r3d", {"cardinality": 32}, "r3d has no option cardinality"),
        ("torchvision_mc3", {"conv1_t_size": 3}, "torchvision_mc3 has no option conv1_t_size"),
        ("r2p1d", {"bn_epsilon": 1e-3}, "r2p1d has no option bn_epsilon"),
        ("resnext", {"depth": 18}, "no ResNeXt of depth 18; there are: 50, 101, 152, 200"),
        ("densenet", {"depth": 161}, "no DenseNet of depth 161; there are: 121, 169, 201, 264"),
        ("torchvision_r3d", {"depth": 50}, "no torchvision-R3D of depth 50; there are: 18, 34"),
        ("torchvision_r2plus1d", {"middle_channels": "all"}, "unknown middle_channels 'all'"),
        ("torchvision_r2plus1d", {"bn_epsilon": 0.0}, "bn_epsilon must be positive"),
        ("wideresnet", {"widen_factor": 0.25, "shortcut": "A"}, "from 64 channels to 32; use B"),
        ("resnext", {"cardinality": 0}, "cardinality must be positive"),
        ("r3d", {"n_classes": -1}, "n_classes must not be negative"),
    ],
)
def test_an_option_that_a_family_does_not_have_is_refused_by_name(architecture, options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        models.build(architecture, **options)


def test_other_layers_can_be_handed_in():
    class Counting(models.layers.Layers):
        convolutions = 0

        def convolution(self, *args, **options):
            Counting.convolutions += 1
            return super().convolution(*args, **options)

    network = models.build("torchvision_mc3", Counting())
    assert Counting.convolutions == sum(
        ".weight" in n and p.ndim == 5 for n, p in network.state_dict().items()
    )
