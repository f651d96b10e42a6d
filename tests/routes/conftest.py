"""Fixtures of the tests of routes."""

import pytest
import rofuse_test

from native_helpers import status


@pytest.fixture
def native(rofuse):
    """rofuse(), and waits until the native mounts are there too."""
    def make(**options):
        mount = rofuse(**options)
        rofuse_test.wait_until(lambda: status(mount)["state"] == "alive", "the daemon is ready")
        return mount
    return make
