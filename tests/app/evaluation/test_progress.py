import numpy as np

from app.evaluation.progress import Progress
from app.evaluation.scores import record_type


def test_half_a_record_at_the_end_is_cut_off(tmp_path):
    progress = Progress(tmp_path / "x.partial", {"views": "even:3"}, 2)
    progress.begin()
    records = np.zeros(3, record_type(2))
    records["row"] = [4, 0, 7]
    progress.add(records)
    with progress.path.open("ab") as file:
        file.write(b"half")
    assert progress.resume()["row"].tolist() == [4, 0, 7]
    progress.add(records[:1])
    assert progress.resume()["row"].tolist() == [4, 0, 7, 4]
    progress.path.write_bytes(b"no evaluation")
    assert len(progress.resume()) == 0
