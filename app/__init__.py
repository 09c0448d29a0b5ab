"""Recognise actions in video with 3D ResNets: what `python -m app` does, for Python.

result = app.fit(app.FitConfig(data=app.DataConfig(videos="my_videos")))
report = app.evaluate(app.EvaluateConfig(run=str(result.run_dir)))
engine = app.open_engine(result.run_dir)

Every function takes its configuration object and returns a result object. Paddle is imported when
one of them is used.
"""

from weights.face import show

show(
    __name__,
    {
        "UserError": "app.errors",
        "__version__": "app.version",
        "convert": "app.convert",
        "evaluate": "app.evaluate",
        "export": "app.export",
        "fit": "app.fit",
        "index": "app.index",
        "list_weights": "app.published_weights",
        "open_board": "app.board",
        "open_demo": "app.demo",
        "open_engine": "app.inference.open_engine",
        "predict": "app.predict",
        "prepare": "app.prepare",
        "report": "app.report",
        "score": "app.score",
        "summarise": "app.summary",
        **dict.fromkeys(
            (
                *("BoardConfig", "CheckpointConfig", "ClipConfig", "ClipSizeConfig"),
                *(
                    "ConvertConfig",
                    "DataConfig",
                    "DemoConfig",
                    "EvaluateConfig",
                    "ExportConfig",
                    "FitConfig",
                ),
                *("IndexConfig", "ModelConfig", "OptimConfig", "PredictConfig", "PrepareConfig"),
                *("ReportConfig", "ScoreConfig", "SummaryConfig", "TrainConfig", "WeightsConfig"),
            ),
            "app.configuration",
        ),
    },
)
