from datetime import UTC, datetime

import pytest

from audit.period import Period


@pytest.fixture(scope="session")
def october():
    return Period.of("2026-10", None, now=datetime(2026, 11, 24, 12, tzinfo=UTC))
