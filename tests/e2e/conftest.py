import pytest

from local.stage import Stage


@pytest.fixture(scope="session")
def stage(tmp_path_factory):
    """Rootwatch deployed by the real CDK into the local AWS, talking to the local Slack; once for all tests."""
    with Stage(directory=tmp_path_factory.mktemp("stage")) as running:
        yield running
