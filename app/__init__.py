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
        "evaluate": "app.evaluate",
        "export": "app.export",
        "fit": "app.fit",
        "open_engine": "app.inference.open_engine",
        "predict": "app.predict",
        **dict.fromkeys(
            (
                *("BoardConfig", "CheckpointConfig", "ClipConfig", "ClipSizeConfig"),
                *("ConvertConfig", "DataConfig", "EvaluateConfig", "ExportConfig", "FitConfig"),
                *("IndexConfig", "ModelConfig", "OptimConfig", "PredictConfig", "PrepareConfig"),
                *("ScoreConfig", "SummaryConfig", "TrainConfig", "WeightsConfig"),
            ),
            "app.configuration",
        ),
    },
)
