"""The 17 published 3D ResNets, and which of them lie in a folder.

Kataoka, Wakamiya, Hara, Satoh, "Would Mega-scale Datasets Further Enhance Spatiotemporal 3D
CNNs?", arXiv:2004.04968; the files belong to https://github.com/kenshohara/3D-ResNets-PyTorch.
"""

from dataclasses import dataclass
from pathlib import Path

README = "https://github.com/kenshohara/3D-ResNets-PyTorch"
DOWNLOAD = "https://drive.google.com/open?id=1xbYbZ7rpyjftI_KCk6YuL-XrfQDz7Yd4"

# The letters in the file names, and the number of classes of each training set.
TRAINING_SETS = {
    "K": ("Kinetics-700", 700),
    "M": ("Moments in Time", 339),
    "S": ("STAIR-Actions", 100),
}
# Depth -> trained parameters before the head, and the length of the features the head takes.
SIZES = {
    18: (33_203_904, 512),
    34: (63_513_536, 512),
    50: (46_198_976, 2048),
    101: (85_245_120, 2048),
    152: (117_403_840, 2048),
    200: (126_603_456, 2048),
}

HOW_TO_FETCH = f"""\
The authors publish these files on Google Drive:
  {DOWNLOAD}
  (linked from {README}, "Pre-trained models").
Download NAME.pth with a browser, put it into {{folder}} and name it:
  python -m app fit --model.pretrained NAME
Google Drive cannot be reached from everywhere; these start from ImageNet without it:
  python -m app fit --model.pretrained imagenet"""


@dataclass(frozen=True)
class Published:
    """One published checkpoint.

    Args:
        name: The file's name without ``.pth``.
        depth: Depth of the network.
        letters: Its training sets, by the letters of ``TRAINING_SETS``.
    """

    name: str
    depth: int
    letters: str

    @property
    def training_data(self):
        """The training sets in words."""
        return " + ".join(TRAINING_SETS[letter][0] for letter in self.letters)

    @property
    def n_classes(self):
        """Number of outputs: the training sets' classes one after another."""
        return sum(TRAINING_SETS[letter][1] for letter in self.letters)

    @property
    def parameters(self):
        """Number of trained parameters, head included."""
        before_head, features = SIZES[self.depth]
        return before_head + (features + 1) * self.n_classes


PUBLISHED = {
    name: Published(name, int(name[3:].split("_")[0]), name.split("_")[1])
    for name in (
        *("r3d18_K_200ep", "r3d18_KM_200ep"),
        *("r3d34_K_200ep", "r3d34_KM_200ep"),
        *("r3d50_K_200ep", "r3d50_KM_200ep", "r3d50_KMS_200ep", "r3d50_KS_200ep"),
        *("r3d50_M_200ep", "r3d50_MS_200ep", "r3d50_S_200ep"),
        *("r3d101_K_200ep", "r3d101_KM_200ep"),
        *("r3d152_K_200ep", "r3d152_KM_200ep"),
        *("r3d200_K_200ep", "r3d200_KM_200ep"),
    )
}


@dataclass(frozen=True)
class Status:
    """Whether a published checkpoint is at hand.

    Args:
        published: Which one.
        state: ``"converted"``, ``".pth"`` (converted on first use) or ``"absent"``.
        path: The file, or None.
    """

    published: Published
    state: str
    path: Path | None


def status(folder="weights"):
    """Look for the published checkpoints in a folder.

    Args:
        folder: Where downloaded and converted files lie.

    Returns:
        One ``Status`` for each of the 17, in the order of the table.
    """
    return [_status(published, Path(folder)) for published in PUBLISHED.values()]


def _status(published, folder):
    converted = folder / f"{published.name}.pdparams"
    if converted.is_file() and converted.with_suffix(".json").is_file():
        return Status(published, "converted", converted)
    downloaded = folder / f"{published.name}.pth"
    if downloaded.is_file():
        return Status(published, ".pth", downloaded)
    return Status(published, "absent", None)


def how_to_fetch(folder="weights"):
    """What a user does to get a published file, as text."""
    return HOW_TO_FETCH.format(folder=f"{Path(folder)}/")
