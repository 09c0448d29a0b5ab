"""The page of `python -m app demo`; needs requirements-demo.txt."""

import html

import fastapi
import gradio
import uvicorn

from datasets.shown import shown

# Nothing comes from, or goes to, anywhere but this page's own address.
POLICY = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:"
# Fonts that are there without a network.
FONTS = ("system-ui", "Noto Sans", "Noto Sans CJK SC", "sans-serif")
# Small pictures, as many in a row as there is room for; no video higher than the window; and not
# the button that cuts a video, with a program that is loaded from a server of others.
STYLE = """
#examples .grid-container { grid-template-columns: repeat(auto-fill, minmax(105px, 1fr)); }
#examples .grid-wrap { min-height: 0; max-height: none; overflow: visible; }
#chosen video, #explained video { max-height: 320px; }
#chosen button[aria-label^="Trim"], #chosen button[aria-label^="Reset"] { display: none; }
"""
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
        # What is seen may be a copy of it that browsers can play.
        original = gradio.State()
        gradio.HTML(f"<h1>What happens in this video?</h1><p>{html.escape(shown(title))}</p>")
        with gradio.Row():
            with gradio.Column():
                chosen = gradio.Video(
                    label="Video: drop a file, or use the camera", elem_id="chosen"
                )
            with gradio.Column():
                note = gradio.Textbox(label="Note", visible=False, interactive=False)
                classes = gradio.Label(label="Classes", num_top_classes=top_k)
        if examples:
            gradio.HTML("<h3>Videos of the validation, with their classes</h3>")
            gallery = gradio.Gallery(
                [(picture, shown(label)) for _, label, picture in examples],
                show_label=False,
                allow_preview=False,
                buttons=[],
                elem_id="examples",
            )
        with gradio.Column(visible=False) as course:
            gradio.HTML("<h3>Scores over time</h3>")
            # Not the button that publishes it.
            timeline = gradio.Image(show_label=False, buttons=["download", "fullscreen"])
        with gradio.Column(visible=False) as places:
            gradio.HTML("<h3>Where and when the network saw the class (Grad-CAM)</h3>")
            explained = gradio.Video(
                show_label=False, interactive=False, loop=True, elem_id="explained"
            )

        def show(path):
            for note, scores, picture, copy in video.answers(path):
                yield (
                    gradio.update(value=note, visible=note is not None),
                    scores,
                    gradio.update(visible=picture is not None),
                    picture,
                    # While it is made, its place shows that it is.
                    gradio.update(visible=picture is not None and note is None),
                    copy,
                )

        def take(path):
            playable = video.playable(path)
            return gradio.skip() if playable == path else playable, video.original(path)

        # The only event that uploads and recordings of the camera have in common.
        chosen.change(take, chosen, [chosen, original])
        if examples:

            def choose(event: gradio.SelectData):
                return video.playable(paths[event.index])

            gallery.select(choose, None, chosen)
        # A video that is chosen while another one is at work comes next.
        original.change(
            show,
            original,
            [note, classes, course, timeline, places, explained],
            trigger_mode="always_last",
        )
    return page


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
        theme=gradio.themes.Default(font=FONTS, font_mono=FONTS),
        css=STYLE,
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
