"""The default of WEB_CONCURRENCY honours the limit of a container, in the files that Linux says it in."""

import os

import pytest

from service.cpu_quota import cores

ALL = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def limited(folder, groups, **files):
    """The number of processors where these files stand under the mount of the control groups."""
    for name, text in files.items():
        path = folder / "mount" / name.replace("__", "/").replace("cpu_", "cpu.")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    (folder / "groups").write_text(groups + "\n")
    return cores(folder / "mount", folder / "groups")


@pytest.mark.parametrize(
    ("groups", "files"),
    [
        ("0::/", {"cpu_max": "100000 100000"}),
        ("0::/", {"cpu_max": "20000 100000"}),
        ("0::/system.slice/serving.service", {"system.slice__cpu_max": "50000 50000"}),
        ("0::/a/b", {"cpu_max": "max 100000", "a__cpu_max": "100000 100000", "a__b__cpu_max": "max 100000"}),
        ("4:cpu,cpuacct:/docker/1", {"cpu__cpu_cfs_quota_us": "100000", "cpu__cpu_cfs_period_us": "100000"}),
        ("4:cpu:/a\n3:memory:/b", {"cpu__a__cpu_cfs_quota_us": "500", "cpu__a__cpu_cfs_period_us": "1000"}),
    ],
)
def test_a_limit_of_one_processor_or_less_means_one_worker(tmp_path, groups, files):
    assert limited(tmp_path, groups, **files) == 1


@pytest.mark.skipif(ALL < 2, reason="one processor: a limit of more says nothing")
def test_a_limit_of_one_and_a_half_is_rounded_up(tmp_path):
    assert limited(tmp_path, "0::/", cpu_max="150000 100000") == 2


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"cpu_max": "max 100000"},
        {"cpu_max": "99900000 100000"},
        {"cpu_max": "no numbers"},
        {"cpu_max": "100000 0"},
        {"cpu__cpu_cfs_quota_us": "-1", "cpu__cpu_cfs_period_us": "100000"},
    ],
)
def test_without_a_limit_below_it_the_affinity_counts(tmp_path, files):
    assert limited(tmp_path, "0::/\n4:cpu:/", **files) == ALL


def test_a_system_without_control_groups_has_its_affinity(tmp_path):
    assert cores(tmp_path / "mount", tmp_path / "groups") == ALL
