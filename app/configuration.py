"""Every option of `python -m app`, with its default and its meaning.

Plain dataclasses, importable without Paddle; jsonargparse turns them into the command line and
into YAML, with the texts below `Args:` as help.
"""

from dataclasses import dataclass, field
from typing import Literal

from jsonargparse.typing import (
    ClosedUnitInterval,
    NonNegativeFloat,
    NonNegativeInt,
    OpenUnitInterval,
    PositiveFloat,
    PositiveInt,
)

# Clips of one recording, as UCF-101 names them (datasets.annotations.drawn_split.UCF_GROUP).
GROUP_PATTERN = r"(.+_g\d+)_c\d+$"

# The families of models/, which cannot be asked without importing Paddle.
Architecture = Literal[
    "r3d",
    "r2p1d",
    "preresnet",
    "wideresnet",
    "resnext",
    "densenet",
    "torchvision_r3d",
    "torchvision_mc3",
    "torchvision_r2plus1d",
]


@dataclass
class ModelConfig:
    """The network. What is left out follows the pretrained weights, else the published networks.

    Args:
        pretrained: Weights to start from: a name that `python -m app weights` lists, a .pth or
            .pdparams file, a run folder, or imagenet for a 2D network inflated to 3D.
        finetune_from: First module to train (conv1, bn1, layer1 to layer4, fc, or whatever the
            network has; a wrong one lists them); those before it are frozen, BatchNorm statistics
            included. Left out, everything is trained.
        architecture: Network family; else r3d, the 3D ResNet.
        depth: Number of layers; else 18, of wideresnet and resnext 50, of densenet 121.
        shortcut: Shortcut where the shape changes: B projects, A pads with zeros; else B.
        conv1_t_size: Length of the first convolution in frames, odd; else 7.
        conv1_t_stride: Step of the first convolution in frames; else 1.
        max_pool: Whether the stem ends with a max-pool; else true.
        widen_factor: Multiplies the number of channels of every stage; else 1, of wideresnet 2.
        cardinality: Groups of resnext's middle convolutions; else 32.
        stem_channels: Channels of the first convolution of wideresnet and resnext: 64 as published,
            128 as the PyTorch original makes it today; else 64.
        middle_channels: What torchvision_r2plus1d counts the channels between the halves of a
            split convolution from: block as torchvision, convolution as IG-65M; else block.
        bn_epsilon: Epsilon of BatchNorm in the torchvision families, 1e-3 in IG-65M; else 1e-5.
        mean: Channel means (R, G, B) to subtract, in units of value_range; else Kinetics'.
        std: Channel standard deviations to divide by, in units of value_range; else Kinetics'.
        value_range: What the pixel value 255 counts as before mean and std apply; else 1.
        dropout: Share of the features before the head that are left out in training.
    """

    pretrained: str | None = None
    finetune_from: str | None = None
    architecture: Architecture | None = None
    depth: Literal[10, 18, 34, 50, 101, 121, 152, 169, 200, 201, 264] | None = None
    shortcut: Literal["A", "B"] | None = None
    conv1_t_size: PositiveInt | None = None
    conv1_t_stride: PositiveInt | None = None
    max_pool: bool | None = None
    widen_factor: PositiveFloat | None = None
    cardinality: PositiveInt | None = None
    stem_channels: PositiveInt | None = None
    middle_channels: Literal["block", "convolution"] | None = None
    bn_epsilon: PositiveFloat | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[PositiveFloat, PositiveFloat, PositiveFloat] | None = None
    value_range: Literal[1, 255] | None = None
    dropout: ClosedUnitInterval = 0.0


@dataclass
class DataConfig:
    """The videos and their labels.

    Args:
        videos: Folder of videos; left out, the demo corpus is written and used.
        annotation: File or folder with the labels and the split (UCF-101's official folder, or a
            JSON of the PyTorch original). Left out, the subfolders of videos are the classes.
        split: Which of the official splits.
        val_fraction: Share of each class kept for validation where nothing else gives the split.
        group_pattern: Regular expression whose first group names what must stay on one side of a
            drawn split, matched against the file name without its extension. The default keeps
            the clips of one source video together (v_Archery_g08_c03).
        max_failures: How many unreadable videos end the run: a whole number counts them, a
            number with a point is a share of the videos.
        demo: Which demo corpus is used where videos is left out.
        balance: How often the videos of a class are visited in an epoch: none visits every video
            once, sqrt a class in proportion to the square root of its number of videos, equal all
            classes alike.
        multi_label: A video may have several labels: it is listed once for each, or its line has
            them all, as `path label label` or with commas between them. Every class is a decision
            of its own then, and the mean average precision is what counts.
    """

    videos: str | None = None
    annotation: str | None = None
    split: PositiveInt = 1
    val_fraction: OpenUnitInterval = 0.2
    group_pattern: str = GROUP_PATTERN
    max_failures: int | float = 0.05
    demo: Literal["directions", "turns"] = "directions"
    balance: Literal["none", "sqrt", "equal"] = "none"
    multi_label: bool = False


@dataclass
class ClipConfig:
    """What is cut out of a video.

    Args:
        frames: Frames per clip.
        stride: Step between the frames of a clip.
        size: Width and height of a clip in pixels.
        crop_scale: Smallest and largest share of the picture that a training crop shows.
        crop_ratio: Smallest and largest aspect ratio of a training crop.
        flip: Probability that a training clip is mirrored.
        val_clips: Up to how many evenly spread clips of a video are evaluated.
        repeats: How many different training clips a visited video gives; must divide the batch
            size. More than 1 saves decoding where key frames are far apart; an epoch visits every
            video once, and so has as many times the clips.
        random_stride: Smallest and largest step between the frames of a training clip, drawn for
            each; left out, stride.
        brightness: Training clips are made brighter or darker by a factor up to 1 +- this.
        contrast: The same for contrast.
        saturation: The same for the strength of colours.
        hue: Colours are turned by up to this share of the colour circle, 0 to 0.5.
        greyscale: Probability that a training clip loses its colours.
        erasing: Probability that a rectangle of a training clip is replaced by noise.
    """

    frames: PositiveInt = 16
    stride: PositiveInt = 1
    size: PositiveInt = 112
    crop_scale: tuple[PositiveFloat, PositiveFloat] = (0.25, 1.0)
    crop_ratio: tuple[PositiveFloat, PositiveFloat] = (0.75, 4 / 3)
    flip: ClosedUnitInterval = 0.5
    val_clips: PositiveInt = 3
    repeats: PositiveInt = 1
    random_stride: tuple[PositiveInt, PositiveInt] | None = None
    brightness: ClosedUnitInterval = 0.0
    contrast: ClosedUnitInterval = 0.0
    saturation: ClosedUnitInterval = 0.0
    hue: ClosedUnitInterval = 0.0
    greyscale: ClosedUnitInterval = 0.0
    erasing: ClosedUnitInterval = 0.0


@dataclass
class TrainConfig:
    """The training run.

    Args:
        epochs: Number of epochs.
        batch_size: Clips per step, over all processes.
        workers: Worker processes that decode; 0 decodes in the main process, which waits for it.
            Left out, one per core.
        seed: Seed of every random choice.
        device: Where to compute; auto takes the GPU when Paddle sees one. One of auto, cpu, gpu,
            gpu:0, gpu:1, ...
        early_stopping: End the run after this many epochs without a better val_loss; 0 never.
        mixup: Parameter of mixup, which blends the clips of a batch in pairs; 0 is off, 0.2 usual.
        cutmix: Parameter of CutMix, which puts a box of one clip into another; 0 is off, 1 usual.
        sync_batch_norm: On several GPUs, BatchNorm sees the clips of all of them.
        recompute: Keep only what lies between the stages in memory and compute the rest again in
            the backward pass: about a third more time for much larger batches.
        kernels: On the CPU: onednn computes several times as fast as paddle's own kernels, to other
            last digits; auto takes it where it can be had, and a resumed run what it began with.
        precision: fp32; bf16 for bfloat16 convolutions and activations, with everything else in
            fp32, which on a CPU needs one with bfloat16 arithmetic; or fp16 for half precision in
            the same places, with a scaled loss, on GPUs only.
        threads: Threads that compute on the CPU. Left out, with onednn as many as there are cores
            for this process, else as Paddle has it.
        process_timeout: Seconds that the processes of one training wait for one that does not
            come along, because its disk is slow for example; then the run ends.
    """

    epochs: PositiveInt = 200
    batch_size: PositiveInt = 128
    workers: NonNegativeInt | None = None
    seed: NonNegativeInt = 0
    device: str = "auto"
    early_stopping: NonNegativeInt = 0
    mixup: NonNegativeFloat = 0.0
    cutmix: NonNegativeFloat = 0.0
    sync_batch_norm: bool = False
    recompute: bool = False
    kernels: Literal["auto", "paddle", "onednn"] = "auto"
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    threads: PositiveInt | None = None
    process_timeout: PositiveInt = 1800


@dataclass
class OptimConfig:
    """The optimizer and its learning rate.

    Args:
        name: sgd is stochastic gradient descent with momentum, adamw Adam with decoupled decay.
        lr: Learning rate after warm-up.
        momentum: Momentum.
        weight_decay: Weight decay, on every parameter as in the PyTorch original.
        nesterov: Whether to use Nesterov's momentum.
        head_lr_multiplier: How much faster the head learns than the rest.
        schedule: Course of the learning rate: steps at the milestones, half a cosine down to zero,
            a step whenever the validation loss stalls, or none.
        milestones: Epochs after which multistep multiplies the learning rate by gamma.
        gamma: Factor of a step (multistep and plateau).
        patience: Epochs without a better validation loss that plateau bears.
        warmup_epochs: Epochs (fractions allowed) in which the learning rate rises from zero.
        accumulate: Batches whose gradients make one update, equal to one batch of them all.
        decay_all: Whether BatchNorm and biases decay as well, as in the PyTorch original.
        clip_norm: Longer gradients are shortened to this norm; 0 never.
        label_smoothing: Share of a label that is spread over all classes.
        class_weights: Clips of rare classes count more in the loss: inverse to the number of
            videos, or effective as Cui et al. have it.
        ema: Decay of a moving average of the weights, such as 0.999, which is validated, kept and
            used in place of the last weights; 0 keeps none.
    """

    name: Literal["sgd", "adamw"] = "sgd"
    lr: PositiveFloat = 0.1
    momentum: NonNegativeFloat = 0.9
    weight_decay: NonNegativeFloat = 1e-3
    nesterov: bool = False
    head_lr_multiplier: PositiveFloat = 1.0
    schedule: Literal["multistep", "cosine", "plateau", "constant"] = "multistep"
    milestones: tuple[PositiveInt, ...] = (50, 100, 150)
    gamma: PositiveFloat = 0.1
    patience: NonNegativeInt = 10
    warmup_epochs: NonNegativeFloat = 0.0
    accumulate: PositiveInt = 1
    decay_all: bool = True
    clip_norm: NonNegativeFloat = 0.0
    label_smoothing: ClosedUnitInterval = 0.0
    class_weights: Literal["none", "inverse", "effective"] = "none"
    ema: ClosedUnitInterval = 0.0


@dataclass
class CheckpointConfig:
    """What is kept of a run.

    Args:
        every_epochs: Save after every so many epochs, and after the last one.
        every_steps: Save also after every so many updates within an epoch; 0 never.
        keep: How many of the newest checkpoints are kept, besides the best.
        monitor: Which value of metrics.jsonl makes a checkpoint the best. Left out,
            val_video_top1, or val_video_map with data.multi_label.
    """

    every_epochs: PositiveInt = 1
    every_steps: NonNegativeInt = 0
    keep: PositiveInt = 2
    monitor: (
        Literal[
            "val_video_top1",
            "val_video_top5",
            "val_clip_top1",
            "val_clip_top5",
            "val_video_map",
            "val_loss",
        ]
        | None
    ) = None


@dataclass
class FitConfig:
    """Train a 3D ResNet on videos.

    Args:
        run_dir: Folder of the run. Left out, a new one below runs/, named after the videos.
        resume: Continue the run in run_dir from its newest complete checkpoint.
        model: The network.
        data: The videos and their labels.
        clip: What is cut out of a video.
        train: The training run.
        optim: The optimizer and its learning rate.
        checkpoint: What is kept.
    """

    run_dir: str | None = None
    resume: bool = False
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    clip: ClipConfig = field(default_factory=ClipConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)


@dataclass
class EvaluateConfig:
    """Evaluate a trained network on videos whose classes are known.

    Args:
        run: Run folder, converted .pdparams file, or exported folder.
        split: Which part of the data to evaluate; all takes every video. Left out, the validation
            part, or all of the videos named here that come without a split of their own.
        views: Clips of a video that are scored and averaged. even:3 is three clips evenly spread,
            windows:16 a window every 16 frames (the PyTorch original's test protocol), and
            even:10,crops:3 three crops of each of ten clips (what most papers report). Left out,
            as in the validation of the run's training, else even:3.
        checkpoint: Name of the checkpoint of a run: best, last, or one such as epoch-0007.
        videos: Folder of videos; needed unless run is a run folder and its own validation is
            wanted.
        annotation: File or folder with the labels and the split, as for fit.
        annotation_split: Which of the official splits of the annotation.
        labels: File with the class names, to replace those of the weights.
        output: Folder of the results. Left out, evaluation/ in the run or exported folder, or
            beside the weight file.
        top_k: How many classes of a video predictions.json holds; left out, 5, or all of them
            where videos have several labels.
        resume: Continue an interrupted evaluation.
        batch_size: Clips per step. Left out, as in the training in eager mode, else 8.
        workers: Worker processes that decode; 0 decodes between the steps. Left out, one per core.
        device: Where to compute: auto, cpu, gpu, gpu:0, ...
        engine: How to compute: dynamic is Paddle's eager mode, inference is paddle.inference;
            auto takes inference on the CPU.
        precision: fp32, or bf16 for bfloat16 on a CPU that has such arithmetic, faster and to
            fewer digits; how far the first scores are from those in fp32 is printed.
    """

    run: str
    split: Literal["train", "val", "test", "all"] | None = None
    views: str | None = None
    checkpoint: str = "best"
    videos: str | None = None
    annotation: str | None = None
    annotation_split: PositiveInt | None = None
    labels: str | None = None
    output: str | None = None
    top_k: PositiveInt | None = None
    resume: bool = False
    batch_size: PositiveInt | None = None
    workers: NonNegativeInt | None = None
    device: str = "auto"
    engine: Literal["auto", "dynamic", "inference"] = "auto"
    precision: Literal["fp32", "bf16"] = "fp32"


@dataclass
class ScoreConfig:
    """Score a result file, ours or the PyTorch original's, without a network.

    Args:
        predictions: Result file.
        annotation: The true classes: whatever fit takes as --data.annotation, or the folder of
            videos whose subfolders are the classes.
        subset: Which videos of the annotation are scored. Left out, the validation, or all where
            the annotation has no split of its own.
        split: Which of the official splits of the annotation.
        k: A video is right when its class is among the k best, for each of these k. Left out, 1
            and 5, where there are more than five classes.
        multi_label: The videos have several labels, as for fit; the mean average precision is
            computed too, from result files that hold the scores of all classes.
        ignore_missing: Leave videos out that have no result, instead of counting them as wrong.
    """

    predictions: str
    annotation: str
    subset: Literal["training", "validation", "testing", "all"] | None = None
    split: PositiveInt = 1
    k: tuple[PositiveInt, ...] | PositiveInt | None = None
    multi_label: bool = False
    ignore_missing: bool = False


@dataclass
class ClipSizeConfig:
    """Size of the input.

    Args:
        frames: Frames per clip.
        stride: Step between the frames of a clip.
        size: Width and height of a clip in pixels.
    """

    frames: PositiveInt = 16
    stride: PositiveInt = 1
    size: PositiveInt = 112


@dataclass
class SummaryConfig:
    """Print the parts, parameters and multiply-adds of a network.

    Args:
        model: The network.
        clip: Size of its input.
        n_classes: Number of its outputs.
    """

    model: ModelConfig = field(default_factory=ModelConfig)
    clip: ClipSizeConfig = field(default_factory=ClipSizeConfig)
    n_classes: PositiveInt = 101


@dataclass
class IndexConfig:
    """Look into every video of a data set once, and write an index and a report.

    Args:
        source: Folder of videos.
        output: Folder for the index; fit takes it as --data.annotation.
        annotation: File or folder with the labels and the split, as for fit.
        split: Which of the official splits.
        val_fraction: Share of each class kept for validation where nothing else gives the split.
        group_pattern: Regular expression whose first group names what must stay on one side of a
            drawn split, as for fit.
        seed: Seed of a drawn split.
        multi_label: A video may have several labels, as for fit.
        verify: Decode every frame instead of only looking at the packets.
        workers: Worker processes; left out, one per core.
    """

    source: str
    output: str = "index"
    annotation: str | None = None
    split: PositiveInt = 1
    val_fraction: OpenUnitInterval = 0.2
    group_pattern: str = GROUP_PATTERN
    seed: NonNegativeInt = 0
    multi_label: bool = False
    verify: bool = False
    workers: PositiveInt | None = None


@dataclass
class ConvertConfig:
    """Convert a PyTorch checkpoint of any of the families to Paddle.

    Args:
        file: The .pth file.
        output: The .pdparams file to write, or a folder for it; left out, beside the .pth.
        labels: Class names: a text file with one per line, a JSON list, or an annotation file of
            the PyTorch original.
        architecture: The family that the file must be of; left out, its tensors tell.
        bn_epsilon: Epsilon of BatchNorm in the torchvision families, which no tensor shows; left
            out, 1e-3 for IG-65M and 1e-5 for all others.
        no_check: Do not compare the converted network with the PyTorch weights.
        verbose: Say what became of every tensor.
    """

    file: str
    output: str | None = None
    labels: str | None = None
    architecture: Architecture | None = None
    bn_epsilon: PositiveFloat | None = None
    no_check: bool = False
    verbose: bool = False


@dataclass
class WeightsConfig:
    """List the published checkpoints and which of them are here.

    Args:
        family: Only those of this family.
    """

    family: Architecture | None = None


@dataclass
class BoardConfig:
    """Watch runs in the VisualDL dashboard.

    Args:
        run_dir: A run, or a folder of runs.
        port: Port to listen on.
        host: Address to listen on; 127.0.0.1 is this machine only, 0.0.0.0 all its addresses.
    """

    run_dir: str = "runs"
    port: PositiveInt = 8040
    host: str = "127.0.0.1"


@dataclass
class ExportConfig:
    """Export a trained network to Paddle Inference or ONNX.

    Args:
        run: Run folder, or converted .pdparams file.
        output: Folder to write. Left out, export/<checkpoint> in the run folder, or a folder
            beside the weight file; -onnx is added for ONNX.
        checkpoint: Name of the checkpoint of a run: best, last, or one such as epoch-0007.
        format: paddle for paddle.inference, onnx for onnxruntime and others.
        videos: Folder of the run's videos, where it has moved since the training; the exported
            network is compared with the original on clips of some of them.
        labels: File with the class names, to replace those of the weights.
    """

    run: str
    output: str | None = None
    checkpoint: str = "best"
    format: Literal["paddle", "onnx"] = "paddle"
    videos: str | None = None
    labels: str | None = None


@dataclass
class PredictConfig:
    """Predict the classes of videos, cameras and streams.

    Args:
        run: Run folder, converted .pdparams file, or exported folder.
        sources: Videos, folders of videos or of frames, glob patterns, image sequences such as
            frames/image_%05d.jpg, cameras such as 0 or /dev/video0, or addresses of streams.
        checkpoint: Name of the checkpoint of a run: best, last, or one such as epoch-0007.
        labels: File with the class names, to replace those of the weights.
        top_k: How many classes to name.
        step: Frames from window to window; left out, windows follow each other without overlap.
        format: How to print the result: json prints it as a whole at the end; table, csv and
            jsonl (a JSON object per line) print each video as soon as it was seen.
        timeline: Also give the segments of every video with their classes, and a picture of the
            scores over time.
        output: Folder for the pictures of the timelines; left out, the current one.
        annotate: Video to write (.mp4, .mkv or .mov): a copy with the class drawn on it; a folder
            for several videos. That of a stream is written while it runs.
        explain: Video to write, named as for annotate: a copy with colours where and when the
            network saw the class it decided for (Grad-CAM).
        features: File (.npz) to write: the pooled embeddings of windows and videos, in place of
            classes.
        seconds: Longest time to listen to a camera or stream.
        serve: Port of a page on http://127.0.0.1 that shows cameras and streams while they run.
        reconnect: Seconds to wait before a camera or stream that has ended is opened again; left
            out, its end is the end.
        batch_size: Windows per step.
        device: Where to compute: auto, cpu, gpu, gpu:0, ...
        engine: How to compute: dynamic is Paddle's eager mode, inference is paddle.inference;
            auto takes inference on the CPU.
        precision: fp32, or bf16 for bfloat16 on a CPU that has such arithmetic, faster and to
            fewer digits; how far the first scores are from those in fp32 is printed.
    """

    run: str
    sources: list[str]
    checkpoint: str = "best"
    labels: str | None = None
    top_k: PositiveInt = 5
    step: PositiveInt | None = None
    format: Literal["table", "json", "jsonl", "csv"] = "table"
    timeline: bool = False
    output: str | None = None
    annotate: str | None = None
    explain: str | None = None
    features: str | None = None
    seconds: PositiveFloat | None = None
    serve: PositiveInt | None = None
    reconnect: PositiveFloat | None = None
    batch_size: PositiveInt = 8
    device: str = "auto"
    engine: Literal["auto", "dynamic", "inference"] = "auto"
    precision: Literal["fp32", "bf16"] = "fp32"


@dataclass
class PrepareConfig:
    """Make small copies of all videos, from which training reads clips several times faster.

    Args:
        source: Folder of videos.
        output: Folder for the copies, laid out as the source; give it to fit as --data.videos.
        annotation: File or folder with the labels and the split, as for fit.
        split: Which of the official splits names the videos.
        multi_label: A video may have several labels, as for fit.
        short_side: Length of the shorter side in pixels; 128 suits clips of 112, smaller videos
            stay as they are.
        workers: Worker processes; left out, one per core.
    """

    source: str
    output: str = "prepared"
    annotation: str | None = None
    split: PositiveInt = 1
    multi_label: bool = False
    short_side: PositiveInt = 128
    workers: PositiveInt | None = None


@dataclass
class ReportConfig:
    """Write one page that shows what ran, how it went and where it is wrong.

    Args:
        runs: Run folders; several are laid over each other.
        output: HTML file to write. Left out, report.html in the first run folder.
        explain: Also show where the network looked (Grad-CAM) in the wrong videos that it was
            surest of and in those it was least sure of.
    """

    runs: list[str]
    output: str | None = None
    explain: bool = False


@dataclass
class DemoConfig:
    """Try a trained network on a local web page.

    Args:
        run: Run folder, converted .pdparams file, or exported folder.
        checkpoint: Name of the checkpoint of a run: best, last, or one such as epoch-0007.
        labels: File with the class names, to replace those of the weights.
        top_k: How many classes to show.
        port: Port to listen on.
        host: Address to listen on; 127.0.0.1 is this machine only, 0.0.0.0 all its addresses.
            Browsers give pages of other machines no camera.
        device: Where to compute: auto, cpu, gpu, gpu:0, ...
    """

    run: str
    checkpoint: str = "best"
    labels: str | None = None
    top_k: PositiveInt = 5
    port: PositiveInt = 8060
    host: str = "127.0.0.1"
    device: str = "auto"
