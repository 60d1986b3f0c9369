"""A package is whole and verified, or it is no package."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from making import batch_of, row, rows_in

from ogfd.packages import Archive, DamagedPackage, Keep, PackageStore, open_package
from ogfd.plugin import FatalError

NOW = datetime(2026, 11, 1, tzinfo=UTC)


async def test_a_package_reads_back_as_it_was_sealed(seal):
    """Rows and manifest survive a restart."""
    package = await seal([batch_of([row(), row(service="EC2")])])

    again = open_package(package.path)

    assert package == again
    assert rows_in(package) == rows_in(again)


@pytest.mark.parametrize("name", ["rows.parquet", "rejects.jsonl", "manifest.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
async def test_damage_is_seen(seal, name, damage):
    """No byte of a package can change unnoticed, the manifest's included."""
    package = await seal([batch_of([row()])])
    path = package.path / name
    content = path.read_bytes() or b" "
    match damage:
        case "flip":
            middle = len(content) // 2
            path.write_bytes(
                content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
            )
        case "cut":
            path.write_bytes(content[:-1] if path.stat().st_size else b"x")
        case _:
            path.unlink()

    with pytest.raises(DamagedPackage):
        open_package(package.path)


async def test_a_changed_count_in_the_manifest_is_seen(seal):
    """The manifest is covered by its own digest."""
    package = await seal([batch_of([row()])])
    path = package.path / "manifest.json"
    document = json.loads(path.read_text())
    document["body"]["info"]["rows"] = 2
    path.write_text(json.dumps(document))

    with pytest.raises(DamagedPackage, match="does not verify"):
        open_package(package.path)


async def test_source_rows_must_be_accounted_for(workshop):
    """A connector that loses a row between reading and writing is found out at sealing."""
    with workshop() as (writer, final):
        await writer.write(batch_of([row()]), source_rows=2)

        with pytest.raises(FatalError, match="2 source rows were read but 1 are accounted for"):
            await writer.seal(final, str)
    assert not final.exists()


async def test_rejected_and_filtered_rows_are_accounted_for(workshop):
    """Every source row has a fate, and rejects keep place and reason."""
    with workshop() as (writer, final):
        writer.reject("file 1, row 3", "lineItem/UnblendedCost is NaN", "a,b,NaN")
        writer.filtered("split cost", 2)
        await writer.write(batch_of([row()]), source_rows=4)
        package = await writer.seal(final, str)

    assert {"source": 4, "accepted": 1, "rejected": 1} == {
        name: package.fate[name] for name in ("source", "accepted", "rejected")
    }
    [reject] = package.rejects()
    assert "file 1, row 3" == reject["where"]


async def test_what_was_not_sealed_is_gone(workshop, tmp_path):
    """An attempt that fails leaves nothing behind."""
    with pytest.raises(RuntimeError), workshop() as (writer, _final):
        await writer.write(batch_of([row()]))
        raise RuntimeError

    assert [] == list((tmp_path / "packages").iterdir())


async def test_a_sweep_keeps_sealed_packages_and_removes_the_rest(seal, tmp_path):
    """After a crash only what verifies is taken up again."""
    package = await seal([batch_of([row()])])
    damaged = await seal([batch_of([row(service="EC2")])])
    (damaged.path / "rows.parquet").write_bytes(b"cut")
    directory = tmp_path / "packages"
    (directory / "dead.tmp").mkdir()

    swept = PackageStore(directory).sweep()

    assert [package] == swept
    assert [package.path] == list(directory.iterdir())


async def test_an_empty_package_is_a_package(seal):
    """A month without rows can be committed as such."""
    package = await seal([])

    assert [] == rows_in(package)
    assert 0 == package.info.rows
    assert {"line_count": "0"} == package.info.sums


async def test_the_archive_finds_a_package_by_its_target(seal, tmp_path):
    """A late sink gets the version that the others have."""
    archive = Archive(tmp_path / "archive", Keep.ALL)
    for version in ("v1", "v2"):
        archive.put(await seal([batch_of([row()])], version=version), NOW)

    found = archive.find("aws/cost/2026-10", "target of v1")

    assert found is not None
    assert "v1" == found.info.version
    assert archive.find("aws/cost/2026-10", "target of v3") is None


async def test_the_archive_keeps_the_latest_only_if_told_so(seal, tmp_path):
    """`keep = "latest"` leaves one package a slice, `none` leaves none."""
    for keep, left in ((Keep.LATEST, 1), (Keep.NONE, 0)):
        archive = Archive(tmp_path / keep, keep)
        for hour, version in enumerate(("v1", "v2")):
            package = await seal([batch_of([row()])], version=version)
            archive.put(package, NOW.replace(hour=hour))
            assert not package.path.exists()

        assert left == len(list(Path(tmp_path / keep).rglob("manifest.json")))


async def test_a_quota_never_costs_the_latest_package(seal, tmp_path):
    """The oldest superseded packages go first; the newest of a slice stays."""
    archive = Archive(tmp_path / "archive", Keep.ALL, quota_bytes=1)
    for hour, version in enumerate(("v1", "v2", "v3")):
        archive.put(await seal([batch_of([row()])], version=version), NOW.replace(hour=hour))

    assert 2 == archive.enforce_quota()
    assert archive.find("aws/cost/2026-10", "target of v3") is not None


async def test_odd_partition_keys_stay_inside_the_archive(seal, tmp_path):
    """A key such as `..` is a name, not a way out."""
    archive = Archive(tmp_path / "archive", Keep.ALL)

    archive.put(await seal([batch_of([row()])], slice="aws/cost/.."), NOW)

    [manifest] = tmp_path.rglob("archive/aws/cost/*/*/manifest.json")
    assert tmp_path / "archive" / "aws" / "cost" in manifest.parents
