"""The page of `python -m app demo`; needs requirements-demo.txt."""

import html
from pathlib import Path

import fastapi
import gradio
import uvicorn

from app.errors import UserError
from datasets.decoding import VideoError
from datasets.shown import shown

# Nothing comes from, or goes to, anywhere but this page's own address.
POLICY = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:"
# Fonts that are there without a network.
FONTS = ("system-ui", "Noto Sans", "Noto Sans CJK SC", "sans-serif")
# Seconds between two looks for old files, and how old they get: uploads would fill the disk.
CLEANING = (600, 3600)
LARGEST_UPLOAD = "2gb"


def build_page(video, title, examples, top_k):
    """Build the page.

    Args:
        video: `app.prediction.demo_video.DemoVideo`.
        title: What the network is, shown as text.
        examples: List of `(path, class, picture)` of videos to offer.
        top_k: How many classes to show.

    Returns:
        `gradio.Blocks`.
    """
    paths = [path for path, *_ in examples]
    with gradio.Blocks(
        title="Action recognition", analytics_enabled=False, delete_cache=CLEANING
    ) as page:
        gradio.HTML(f"<h1>What happens in this video?</h1><p>{html.escape(shown(title))}</p>")
        with gradio.Row():
            with gradio.Column():
                chosen = gradio.Video(label="Video: drop a file, or use the camera")
            with gradio.Column():
                note = gradio.Textbox(label="Note", visible=False, interactive=False)
                classes = gradio.Label(label="Classes", num_top_classes=top_k)
        if examples:
            gallery = gradio.Gallery(
                [(picture, shown(label)) for _, label, picture in examples],
                label="Videos of the validation, with their classes",
                allow_preview=False,
            )

            def choose(event: gradio.SelectData):
                return paths[event.index]

            gallery.select(choose, None, chosen)
        timeline = gradio.Image(label="Scores over time", interactive=False)
        explained = gradio.Video(label="Grad-CAM: where and when it looked", interactive=False)

        def show(path):
            for note, *rest in answers(video, path):
                yield gradio.update(value=note, visible=note is not None), *rest

        # A video that is chosen while another one is at work comes next.
        chosen.change(
            show, chosen, [note, classes, timeline, explained], trigger_mode="always_last"
        )
    return page


def answers(video, path):
    """What the page shows of a video, as soon as it is there.

    Args:
        video: `app.prediction.demo_video.DemoVideo`.
        path: The video; None where it was taken away.

    Yields:
        The note, the scores by class, and the paths of the timeline and of the Grad-CAM video;
        None for what there is not, or not yet.
    """
    if path is None:
        yield None, None, None, None
        return
    scores = timeline = None
    try:
        prediction = video.predict(path)
        scores = {shown(label): score for label, score in prediction.top(len(prediction.labels))}
        timeline = video.timeline(prediction)
        note = video.why_unexplained(prediction)
        yield note, scores, timeline, None
        if note is None:
            yield None, scores, timeline, video.explained(prediction)
    except VideoError as error:
        yield f"{shown(Path(path).name)}: {error.reason}", scores, timeline, None
    except UserError as error:
        yield shown(error), scores, timeline, None


def serve(page, examples, host, port):
    """Serve a page until a signal.

    Args:
        page: As `build_page` made it.
        examples: As for `build_page`; of all files on the disk, the page may show these.
        host: Address to listen on.
        port: Port to listen on.
    """
    application = gradio.mount_gradio_app(
        fastapi.FastAPI(openapi_url=None),
        page,
        path="/",
        footer_links=[],
        run_history=False,
        allowed_paths=[path for path, *_ in examples],
        max_file_size=LARGEST_UPLOAD,
        ssr_mode=False,
        theme=gradio.themes.Default(font=FONTS, font_mono=("monospace",)),
    )
    # Connections of open pages would never end by themselves.
    uvicorn.run(
        _only_from_here(application),
        host=host,
        port=port,
        log_level="warning",
        timeout_graceful_shutdown=1,
    )


def _only_from_here(application):
    """An ASGI application whose pages may load from nowhere else."""

    async def answer(scope, receive, send):
        async def send_with_policy(message):
            if message["type"] == "http.response.start":
                policy = (b"content-security-policy", POLICY.encode())
                message["headers"] = [*message["headers"], policy]
            await send(message)

        await application(scope, receive, send_with_policy)

    return answer
