"""
Whether the files that were read are one delivery.

A manifest names its files but not their versions, and AWS writes it last. So a file that is
replaced is found in two ways:

    after it was read     its ETag in the listing at the end is another one
    before it was read    it is newer than the manifest that still names it

The second way is for reports and exports that AWS overwrites, whose files keep their keys. A delivery
of its own folder is not written to again, and a copy of a report keeps no order of time.
https://docs.aws.amazon.com/cur/latest/userguide/understanding-report-versions.html
https://docs.aws.amazon.com/cur/latest/userguide/dataexports-export-delivery.html
"""

from __future__ import annotations

from datetime import datetime

from ogfd.plugin import NotPublished, SourceChanged
from ogfd_aws.bucket import Bucket, Fetched
from ogfd_aws.exports.manifest import Delivered


class Delivery:
    """
    The files of *month* as they are fetched.

    Args:
        bucket: where they lie.
        month: whose files they are.
        published: when the manifest was written; None if that tells nothing about the files.
    """

    def __init__(self, bucket: Bucket, month: Delivered, published: datetime | None) -> None:
        self._bucket = bucket
        self._month = month
        self._published = published
        self._etags: dict[str, str] = {}

    def add(self, key: str, fetched: Fetched) -> None:
        """
        Note which version of *key* was fetched.

        Raises:
            NotPublished: if it belongs to a delivery that has no manifest yet.
        """
        self._etags[key] = fetched.etag
        if self._published is None or fetched.modified is None:
            return
        if self._month.overwrites(key) and fetched.modified > self._published:
            raise NotPublished(
                f"{self._month.key}: a delivery is in progress: {key} is newer than the manifest "
                "that names it"
            )

    async def check(self) -> None:
        """
        Make sure that no file was replaced; one listing for each folder, which is one as a rule.

        Raises:
            SourceChanged: if a file was replaced or deleted since it was fetched.
            SourceError: if the bucket cannot be listed.
        """
        for folder in sorted({_folder(key) for key in self._etags}):
            found = (await self._bucket.level(folder)).objects
            for key, etag in self._etags.items():
                if _folder(key) == folder and found.get(key) != etag:
                    done = "replaced" if key in found else "deleted"
                    raise SourceChanged(f"{key} was {done} while the report was read")


def _folder(key: str) -> str:
    return key[: key.rindex("/") + 1]
