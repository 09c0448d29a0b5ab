"""The published checkpoints of all families, and which of them lie in a folder.

What stands here is what their authors state; no accuracy was measured by this project.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from weights.description import InputContract

NOT_STATED = "-"


@dataclass(frozen=True)
class Release:
    """Checkpoints that were published together.

    Args:
        title: What they are, in a line.
        address: The folder where they are.
        page: Where their authors describe them.
        accuracy: What an accuracy of them says, and by which protocol.
        input: What the networks were fed with.
    """

    title: str
    address: str
    page: str
    accuracy: str
    input: InputContract


# The 2017 files were trained on values 0-255 with the mean of ActivityNet taken off, and with a
# standard deviation of one; every later file of the same authors on 0-1 values and Kinetics'.
ACTIVITYNET_INPUT = InputContract(
    mean=(114.7748, 107.7354, 99.4750), std=(1.0, 1.0, 1.0), value_range=255
)
TORCHVISION_INPUT = InputContract(
    mean=(0.43216, 0.394666, 0.37645), std=(0.22803, 0.22145, 0.216989), resize=(128, 171)
)
AUTHORS_PAGE = "https://github.com/kenshohara/3D-ResNets-PyTorch"

RELEASES = {
    "2020": Release(
        title="Kataoka, Wakamiya, Hara, Satoh, arXiv:2004.04968",
        address="https://drive.google.com/open?id=1xbYbZ7rpyjftI_KCk6YuL-XrfQDz7Yd4",
        page=AUTHORS_PAGE,
        accuracy="not stated beside the files",
        input=InputContract(),
    ),
    "2017": Release(
        title="Hara, Kataoka, Satoh, arXiv:1711.09577 (CVPR 2018)",
        address="https://drive.google.com/drive/folders/1zvl89AgFAApbH0At-gMuZSeQB_LpNP-M",
        page=f"{AUTHORS_PAGE}/tree/CVPR2018",
        accuracy="mean of top-1 and top-5 on Kinetics-400; after fine-tuning, top-1 as the mean "
        "of three splits, the file being that of the first",
        input=ACTIVITYNET_INPUT,
    ),
    "torchvision": Release(
        title="torchvision's KINETICS400_V1",
        address="https://download.pytorch.org/models/",
        page="https://docs.pytorch.org/vision/stable/models.html#video-classification",
        accuracy="top-1 / top-5 of videos on Kinetics-400: 15 frames a second, 5 clips of 16 "
        "frames, frames brought to 128x171, centre crop 112",
        input=TORCHVISION_INPUT,
    ),
    "ig65m": Release(
        title="IG-65M, Ghadiyaram et al., CVPR 2019; made PyTorch files by others",
        address="https://github.com/moabitcoin/ig65m-pytorch/releases/download/v1.0.0/",
        page="https://github.com/moabitcoin/ig65m-pytorch",
        accuracy="not stated beside the files",
        input=replace(TORCHVISION_INPUT, resize=None, frames=32),
    ),
}


@dataclass(frozen=True)
class Published:
    """One published checkpoint.

    Args:
        name: What `--model.pretrained` calls it: the file's name without `.pth` and without the
            digits of its SHA-256.
        file: The file's name.
        release: A key of `RELEASES`.
        architecture: A key of `models.FAMILIES`.
        options: What else `models.build` must be told, `n_classes` included.
        training_data: Its training sets, in words.
        parameters: Number of trained parameters, head included.
        frames: Frames per clip that it was trained on.
        accuracy: In per cent, as `Release.accuracy` says; "-" where none is stated.
        class_names: The file in `class_names/` with its classes, without `.txt`; None where
            nobody published them.
    """

    name: str
    file: str
    release: str
    architecture: str
    options: dict
    training_data: str
    parameters: int
    frames: int = 16
    accuracy: str = NOT_STATED
    class_names: str | None = None

    @property
    def depth(self):
        """Depth of the network."""
        return self.options["depth"]

    @property
    def n_classes(self):
        """Number of outputs."""
        return self.options["n_classes"]

    @property
    def address(self):
        """Where the file is; where its folder is, for those on Google Drive."""
        address = RELEASES[self.release].address
        return f"{address}{self.file}" if address.endswith("/") else address

    @property
    def input(self):
        """The `InputContract` that it was trained with."""
        return replace(RELEASES[self.release].input, frames=self.frames)


# The letters in the names of 2020, and the number of classes of each training set.
TRAINING_SETS = {
    "K": ("Kinetics-700", 700),
    "M": ("Moments in Time", 339),
    "S": ("STAIR-Actions", 100),
}


def _of_2020(name, parameters):
    network, letters, _ = name.split("_")
    architecture, depth = re.fullmatch(r"(r3d|r2p1d)(\d+)", network).groups()
    return Published(
        name,
        f"{name}.pth",
        "2020",
        architecture,
        {"depth": int(depth), "n_classes": sum(TRAINING_SETS[letter][1] for letter in letters)},
        " + ".join(TRAINING_SETS[letter][0] for letter in letters),
        parameters,
    )


def _of_2017(name, architecture, depth, parameters, accuracy=NOT_STATED, **options):
    training_data, class_names, n_classes = "Kinetics-400", "kinetics400", 400
    if name.endswith("ucf101_split1"):
        training_data, class_names, n_classes = f"{training_data}, UCF-101", "ucf101", 101
    if name.endswith("hmdb51_split1"):
        training_data, class_names, n_classes = f"{training_data}, HMDB-51", "hmdb51", 51
    return Published(
        name,
        f"{name}.pth",
        "2017",
        architecture,
        {"depth": depth, "n_classes": n_classes, **options},
        training_data,
        parameters,
        64 if "-64f-" in name else 16,
        accuracy,
        class_names,
    )


def _of_torchvision(name, digits, architecture, parameters, accuracy):
    return Published(
        name,
        f"{name}-{digits}.pth",
        "torchvision",
        architecture,
        {"depth": 18, "n_classes": 400},
        "Kinetics-400",
        parameters,
        accuracy=accuracy,
        class_names="kinetics400",
    )


def _of_ig65m(name, digits, n_classes, frames):
    return Published(
        name,
        f"{name}-{digits}.pth",
        "ig65m",
        "torchvision_r2plus1d",
        {
            "depth": 34,
            "n_classes": n_classes,
            "middle_channels": "convolution",
            "bn_epsilon": 1e-3,
        },
        "IG-65M, Kinetics-400" if "kinetics" in name else "IG-65M",
        63_491_975 + 513 * n_classes,
        frames,
        class_names="kinetics400" if "kinetics" in name else None,
    )


PUBLISHED = {
    entry.name: entry
    for entry in (
        _of_2020("r3d18_K_200ep", 33_563_004),
        _of_2020("r3d18_KM_200ep", 33_736_911),
        _of_2020("r3d34_K_200ep", 63_872_636),
        _of_2020("r3d34_KM_200ep", 64_046_543),
        _of_2020("r3d50_K_200ep", 47_633_276),
        _of_2020("r3d50_KM_200ep", 48_327_887),
        _of_2020("r3d50_KMS_200ep", 48_532_787),
        _of_2020("r3d50_KS_200ep", 47_838_176),
        _of_2020("r3d50_M_200ep", 46_893_587),
        _of_2020("r3d50_MS_200ep", 47_098_487),
        _of_2020("r3d50_S_200ep", 46_403_876),
        _of_2020("r3d101_K_200ep", 86_679_420),
        _of_2020("r3d101_KM_200ep", 87_374_031),
        _of_2020("r3d152_K_200ep", 118_838_140),
        _of_2020("r3d152_KM_200ep", 119_532_751),
        _of_2020("r3d200_K_200ep", 128_037_756),
        _of_2020("r3d200_KM_200ep", 128_732_367),
        _of_2020("r2p1d18_K_200ep", 33_575_064),
        _of_2020("r2p1d34_K_200ep", 63_901_400),
        _of_2020("r2p1d50_K_200ep", 47_650_082),
        _of_2020("r2p1d50_KM_200ep", 48_344_693),
        _of_2017("resnet-18-kinetics", "r3d", 18, 33_235_280, "66.1", shortcut="A"),
        _of_2017("resnet-34-kinetics", "r3d", 34, 63_544_912, "71.0", shortcut="A"),
        _of_2017("resnet-34-kinetics-cpu", "r3d", 34, 63_544_912, "71.0", shortcut="A"),
        _of_2017("resnet-50-kinetics", "r3d", 50, 47_018_576, "72.2"),
        _of_2017("resnet-101-kinetics", "r3d", 101, 86_064_720, "73.3"),
        _of_2017("resnet-152-kinetics", "r3d", 152, 118_223_440, "73.7"),
        _of_2017("resnet-200-kinetics", "r3d", 200, 127_423_056, "73.7"),
        _of_2017("preresnet-200-kinetics", "preresnet", 200, 127_419_088, "73.4"),
        _of_2017("wideresnet-50-kinetics", "wideresnet", 50, 158_248_272, "74.7"),
        _of_2017("resnext-101-kinetics", "resnext", 101, 48_340_816, "75.4"),
        _of_2017("resnext-101-64f-kinetics", "resnext", 101, 48_340_816),
        _of_2017("densenet-121-kinetics", "densenet", 121, 11_696_528, "70.8"),
        _of_2017("densenet-201-kinetics", "densenet", 201, 26_143_120, "72.3"),
        _of_2017("resnext-101-kinetics-ucf101_split1", "resnext", 101, 47_728_165),
        _of_2017("resnext-101-64f-kinetics-ucf101_split1", "resnext", 101, 47_728_165, "94.5"),
        _of_2017("resnext-101-kinetics-hmdb51_split1", "resnext", 101, 47_625_715),
        _of_2017("resnext-101-64f-kinetics-hmdb51_split1", "resnext", 101, 47_625_715, "70.2"),
        _of_torchvision("r3d_18", "b3b3357e", "torchvision_r3d", 33_371_472, "63.2 / 83.479"),
        _of_torchvision("mc3_18", "a90a0ba3", "torchvision_mc3", 11_695_440, "63.96 / 84.13"),
        _of_torchvision(
            "r2plus1d_18", "91a641e6", "torchvision_r2plus1d", 31_505_325, "67.463 / 86.175"
        ),
        _of_ig65m("r2plus1d_34_clip8_ig65m_from_scratch", "9bae36ae", 487, 8),
        _of_ig65m("r2plus1d_34_clip32_ig65m_from_scratch", "449a7af9", 359, 32),
        _of_ig65m("r2plus1d_34_clip8_ft_kinetics_from_ig65m", "0aa0550b", 400, 8),
        _of_ig65m("r2plus1d_34_clip32_ft_kinetics_from_ig65m", "ade133f1", 400, 32),
    )
}


def find(path):
    """The published checkpoint that a file is by its name, or None.

    Args:
        path: The file, or its name; eight digits of its SHA-256 at the end do not matter.
    """
    stem = Path(path).name.removesuffix(".pth")
    return PUBLISHED.get(stem) or PUBLISHED.get(re.sub(r"-[0-9a-f]{8}$", "", stem))


def digits_of_sha256(path):
    """The first digits of its SHA-256 that a file has in its name, or None.

    torchvision's and IG-65M's files have eight, as `torch.hub` wants it.
    """
    digits = re.search(r"-([0-9a-f]{8})\.pth$", Path(path).name)
    return digits[1] if digits and find(path) is not None else None


@dataclass(frozen=True)
class Status:
    """Whether a published checkpoint is at hand.

    Args:
        published: Which one.
        state: "converted", ".pth" (converted on first use) or "absent".
        path: The file, or None.
    """

    published: Published
    state: str
    path: Path | None


def status(folder="weights", family=None):
    """Look for the published checkpoints in a folder.

    Args:
        folder: Where downloaded and converted files lie.
        family: Look only for those of this architecture; None for all.

    Returns:
        One `Status` each, in the order of the table.
    """
    return [
        _status(published, Path(folder))
        for published in PUBLISHED.values()
        if family in (None, published.architecture)
    ]


def _status(published, folder):
    downloaded = folder / published.file
    converted = downloaded.with_suffix(".pdparams")
    if converted.is_file() and converted.with_suffix(".json").is_file():
        return Status(published, "converted", converted)
    if downloaded.is_file():
        return Status(published, ".pth", downloaded)
    return Status(published, "absent", None)


def how_to_fetch(folder="weights", family=None):
    """Where the published files are and what a user does to get one, as text.

    Args:
        folder: Where downloaded files are looked for.
        family: Tell only of the files of this architecture; None for all.
    """
    chosen = [p for p in PUBLISHED.values() if family in (None, p.architecture)]
    lines = []
    for name in dict.fromkeys(p.release for p in chosen):
        release = RELEASES[name]
        addresses = dict.fromkeys(p.address for p in chosen if p.release == name)
        lines.append(f"{release.title}; {release.page}")
        lines += [f"  {address}" for address in addresses]
        lines.append(f"  accuracy: {release.accuracy}")
    lines += [
        f"Download a file with a browser, put it into {Path(folder)}/ as it is called there, and "
        "name it:",
        "  python -m app fit --model.pretrained NAME",
        "Google Drive cannot be reached from everywhere; these start from ImageNet without it:",
        "  python -m app fit --model.pretrained imagenet",
    ]
    return "\n".join(lines)
